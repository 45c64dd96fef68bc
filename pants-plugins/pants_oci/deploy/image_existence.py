"""Check that registries have images that this run does not publish. One process asks for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from ocikit.publish.remote_state import Absent, Question, QuestionKind, RemoteState, Unknown
from ocikit.publish.request import Destination
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import by_name
from pants_oci.log import printable_logger
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit
from pants_oci.sandbox.registry_options import registries_document

logger = printable_logger(__name__)


@dataclass(frozen=True)
class ExistingImagesRequest:
    """Ask about `images`: repositories and digests."""

    images: tuple[tuple[Destination, str], ...]


@dataclass(frozen=True)
class ExistingImages:
    """Why an image is missing or unknown, for each image that is not known to be present."""

    problems: Mapping[tuple[Destination, str], str]


# Uncacheable, because the images may be deleted before the next run.
@_uncacheable_rule(desc="Check that registries have images", level=LogLevel.DEBUG)
async def existing_images(request: ExistingImagesRequest, configured: ConfiguredRegistries) -> ExistingImages:
    if not request.images:
        return ExistingImages({})
    document = {
        **registries_document(configured),
        "manifests": [[place.address, digest] for place, digest in request.images],
    }
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.ASK,
            canonical_json.dumps(document),
            EMPTY_DIGEST,
            f"Query registries for {len(request.images)} images",
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    for text in answer.document["warnings"]:
        logger.warning("%s", text)
    seen = RemoteState.from_json(answer.document["answers"])
    return ExistingImages(
        {image: problem for image in request.images if (problem := _problem(seen, *image))},
    )


call_existing_images = by_name(existing_images, ExistingImages, ExistingImagesRequest)


def _problem(seen: RemoteState, place: Destination, digest: str) -> str | None:
    answer = seen[Question(place, QuestionKind.MANIFEST, digest)]
    if isinstance(answer, Absent):
        return "the registry has no such image"
    return answer.reason if isinstance(answer, Unknown) else None


def rules() -> Iterable[object]:
    return collect_rules()

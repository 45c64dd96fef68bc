"""Find the images that tags name in their registries now. One process asks for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.layer.contents import File
from ocikit.publish.request import Destination
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import by_name
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit
from pants_oci.sandbox.registry_options import registries_document
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class RemoteReference:
    """A tag, and the image to compare with the one that it names."""

    destination: Destination
    tag: str
    image: ocikit.Image


@dataclass(frozen=True)
class RemoteImagesRequest:
    """Find the images that `references` name."""

    references: tuple[RemoteReference, ...]


@dataclass(frozen=True)
class RemoteImage:
    """What a tag names: nothing (no `digest`), our image (no `image`), or another.

    `files`: the files of layers that our image does not have, by layer digest. `error`: why the answer is unknown.
    """

    digest: str | None = None
    image: ocikit.Image | None = None
    files: Mapping[str, tuple[File, ...]] | None = None
    error: str | None = None


@dataclass(frozen=True)
class RemoteImages:
    images: tuple[RemoteImage, ...]
    warnings: tuple[str, ...]


@rule(desc="Resolve tags in registries", level=LogLevel.DEBUG)
async def remote_images(
    request: RemoteImagesRequest, configured: ConfiguredRegistries, oci: OciSubsystem
) -> RemoteImages:
    document = {
        **registries_document(configured),
        "references": [_to_json(reference) for reference in request.references],
        "limits": oci.layer_limits.to_json(),
    }
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.REMOTE_IMAGES,
            canonical_json.dumps(document),
            EMPTY_DIGEST,
            f"Resolve {len(request.references)} tags in registries",
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    found = answer.document
    files = {layer: tuple(map(File.from_row, rows)) for layer, rows in found["files"].items()}
    return RemoteImages(tuple(_from_json(one, files) for one in found["answers"]), tuple(found["warnings"]))


call_remote_images = by_name(remote_images, RemoteImages, RemoteImagesRequest)


def _to_json(reference: RemoteReference) -> dict[str, Any]:
    image = reference.image
    return {
        "destination": reference.destination.address,
        "tag": reference.tag,
        "platform": str(image.platform),
        "digest": str(image.digest),
        "diff_ids": [str(diff_id) for diff_id in image.config.diff_ids],
        "layers": [str(layer.digest) for layer in image.manifest.layers],
    }


def _from_json(answer: Mapping[str, Any], files: Mapping[str, tuple[File, ...]]) -> RemoteImage:
    if "manifest" not in answer:
        return RemoteImage(answer.get("digest"), error=answer.get("error"))
    manifest = ocikit.parse_manifest(answer["manifest"].encode(), answer["media_type"])
    assert isinstance(manifest, ocikit.Manifest)
    return RemoteImage(
        answer["digest"],
        ocikit.Image(manifest, ocikit.ImageConfig.parse(answer["config"].encode())),
        {layer: files[layer] for layer in answer["layers"]},
    )


def rules() -> Iterable[object]:
    return collect_rules()

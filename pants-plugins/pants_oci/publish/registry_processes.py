"""The two processes of a run that access registries: one queries them, one uploads missing content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from ocikit.publish.outcome import Cost, Outcomes, costs_from_json
from ocikit.publish.remote_state import RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.image_layout import blob_path
from ocikit.units import human_bytes
from pants_oci.compat import add_prefix, by_name, digest_subset_to_digest, merge_digests
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.sandbox.environment_socket import MEMORY_DIRECTORY
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit
from pants_oci.sandbox.registry_options import registries_document
from pants_oci.subsystem import OciSubsystem, Verify


@dataclass(frozen=True)
class SurveyRequest:
    """Query the registries about `requests`."""

    requests: tuple[PushRequest, ...]


@dataclass(frozen=True)
class Surveyed:
    """The answers of the registries, and their cost. `waited`: seconds that the run has waited for registries."""

    seen: RemoteState
    costs: Mapping[Destination, Cost]
    warnings: tuple[str, ...]
    waited: int


@dataclass(frozen=True)
class SendRequest:
    """Carry out `plan`. `images`: the blobs of the images of `requests`; only those to upload are read.

    `bases`: the repositories of blobs that are not in `images`, by digest. `waited`: seconds that the run has waited
    for registries.
    """

    requests: tuple[PushRequest, ...]
    plan: Plan
    images: tuple[Digest, ...] = field(repr=False)
    bases: FrozenDict[str, str] = field(default_factory=FrozenDict)
    waited: int = 0


@dataclass(frozen=True)
class Sent:
    outcomes: Outcomes


@rule(desc="Query registries", level=LogLevel.DEBUG)
async def ask_registries(request: SurveyRequest, oci: OciSubsystem, configured: ConfiguredRegistries) -> Surveyed:
    document = _document(request.requests, configured, verify_blobs=oci.verify is Verify.BLOBS)
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.SURVEY,
            document,
            EMPTY_DIGEST,
            f"Query registries about {len(request.requests)} images",
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    answers = answer.document
    return Surveyed(
        RemoteState.from_json(answers["answers"]),
        costs_from_json(answers["costs"]),
        tuple(answers["warnings"]),
        answers["waited"],
    )


call_survey = by_name(ask_registries, Surveyed, SurveyRequest)


@rule(desc="Upload to registries", level=LogLevel.DEBUG)
async def send_to_registries(request: SendRequest, configured: ConfiguredRegistries) -> Sent:
    paths = dict.fromkeys(blob_path(step.blob.digest) for step in request.plan.uploads)
    images = await merge_digests(MergeDigests(request.images))
    blobs = await digest_subset_to_digest(DigestSubset(images, PathGlobs(paths)))
    inputs = await add_prefix(AddPrefix(blobs, protocol.INPUT))
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.PUBLISH,
            _document(
                request.requests,
                configured,
                plan=request.plan.to_json(),
                bases=request.bases,
                waited=request.waited,
            ),
            inputs,
            f"Publish {len(request.plan.puts)} images, {human_bytes(request.plan.bytes_to_send)}",
            network=True,
        )
    )
    return Sent(Outcomes.from_json(answer.document))


call_send = by_name(send_to_registries, Sent, SendRequest)


def _document(requests: tuple[PushRequest, ...], configured: ConfiguredRegistries, **more: Any) -> bytes:
    """The request for a sandbox. `oci:` addresses in it are relative to the build root."""
    return canonical_json.dumps(
        {
            **registries_document(configured),
            "requests": [request.to_json() for request in requests],
            "memory": f"{MEMORY_DIRECTORY}/published.json",
            "history": f"{MEMORY_DIRECTORY}/stored.json",
            **more,
        }
    )


def rules() -> Iterable[object]:
    return collect_rules()

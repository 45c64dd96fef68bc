"""The two processes of a run that speak to registries: one asks, one sends what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pants.base.build_environment import get_buildroot
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.push.outcome import Cost, Outcomes, costs_from_json
from ocikit.push.remote_state import RemoteState
from ocikit.push.steps import Plan
from ocikit.push.wanted import Destination, PushRequest
from ocikit.registry.options import RegistryOptions
from pants_oci.compat import add_prefix, by_name, digest_subset_to_digest, get_digest_contents, merge_digests
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY, MEMORY_DIRECTORY, OcikitProcess, call_ocikit
from pants_oci.subsystem import OciSubsystem, Verify

_ANSWERS_FILE = "survey.json"
_OUTCOMES_FILE = "outcomes.json"


@dataclass(frozen=True)
class SurveyRequest:
    """Ask the registries about `requests`."""

    requests: tuple[PushRequest, ...]


@dataclass(frozen=True)
class Surveyed:
    """What the registries answered, and what it cost."""

    seen: RemoteState
    costs: Mapping[Destination, Cost]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SendRequest:
    """Carry out `plan`; `images`: all blobs of the images of `requests`, of which only those that travel are read."""

    requests: tuple[PushRequest, ...]
    plan: Plan
    images: tuple[Digest, ...] = field(repr=False)


@dataclass(frozen=True)
class Sent:
    outcomes: Outcomes


@rule(desc="Ask registries", level=LogLevel.DEBUG)
async def ask_registries(request: SurveyRequest, oci: OciSubsystem) -> Surveyed:
    document = _document(request.requests, oci, verify_blobs=oci.verify is Verify.BLOBS)
    output = await call_ocikit(
        OcikitProcess(
            "survey",
            document,
            EMPTY_DIGEST,
            f"Ask registries about {len(request.requests)} images",
            output_files=(_ANSWERS_FILE,),
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    contents = await get_digest_contents(output.digest)
    answers = ocikit.canonical_json.loads_object(contents[0].content, _ANSWERS_FILE)
    return Surveyed(
        RemoteState.from_json(answers["answers"]), costs_from_json(answers["costs"]), tuple(answers["warnings"])
    )


call_survey = by_name(ask_registries, Surveyed, SurveyRequest)


@rule(desc="Send to registries", level=LogLevel.DEBUG)
async def send_to_registries(request: SendRequest, oci: OciSubsystem) -> Sent:
    travelling = dict.fromkeys(f"blobs/sha256/{step.blob.digest.hex}" for step in request.plan.uploads)
    images = await merge_digests(MergeDigests(request.images))
    blobs = await digest_subset_to_digest(DigestSubset(images, PathGlobs(travelling)))
    inputs = await add_prefix(AddPrefix(blobs, INPUT_DIRECTORY))
    output = await call_ocikit(
        OcikitProcess(
            "publish",
            _document(request.requests, oci, plan=request.plan.to_json()),
            inputs,
            f"Publish {len(request.plan.puts)} images",
            output_files=(_OUTCOMES_FILE,),
            network=True,
        )
    )
    contents = await get_digest_contents(output.digest)
    return Sent(Outcomes.from_json(ocikit.canonical_json.loads_object(contents[0].content, _OUTCOMES_FILE)))


call_send = by_name(send_to_registries, Sent, SendRequest)


def _document(requests: tuple[PushRequest, ...], oci: OciSubsystem, **more: Any) -> bytes:
    """What a sandbox needs to know; `oci:` addresses in it are relative to the build root."""
    return ocikit.canonical_json.dumps(
        {
            **registries_document(oci),
            "requests": [request.to_json() for request in requests],
            "memory": f"{MEMORY_DIRECTORY}/published.json",
            **more,
        }
    )


def registries_document(oci: OciSubsystem) -> dict[str, Any]:
    """Where registries are and how they are reached, for a sandbox."""
    return {
        "root": get_buildroot(),
        "registries": {name: _absolute(options).to_json() for name, options in oci.registries.options().items()},
    }


def _absolute(options: RegistryOptions) -> RegistryOptions:
    """The files are named from the build root, and read in a sandbox."""
    names = ("ca_file", "client_certificate", "client_key")
    files: Any = {name: os.path.join(get_buildroot(), path) for name in names if (path := getattr(options, name))}
    return replace(options, **files)


def rules() -> Iterable[object]:
    return collect_rules()

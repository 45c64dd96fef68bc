"""`pants publish`: references that have their image are skipped, the others sent by one process for each registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.publish import (
    PublishOutputData,
    PublishPackages,
    PublishProcesses,
)
from pants.engine.fs import AddPrefix, DigestSubset, PathGlobs
from pants.engine.process import InteractiveProcess, Process
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.push.plan import Plan
from ocikit.push.wanted import Destination, PushRequest
from pants_oci.compat import (
    add_prefix,
    by_name,
    concurrently,
    digest_subset_to_digest,
)
from pants_oci.steps.image import BuiltImage
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY, OcikitProcess, call_setup_process
from pants_oci.steps.plan import PlanRequest, call_plan, request_document
from pants_oci.steps.wanted import PublishImageRequest, PushFieldSet, WantedRequest, call_wanted


@dataclass(frozen=True)
class SendRequest:
    """Carry out what is left to do in one repository."""

    request: PushRequest
    plan: Plan
    image: BuiltImage


@dataclass(frozen=True)
class Sending:
    """The process that does it; its sandbox has only the blobs that travel."""

    process: Process


@rule(desc="Prepare a push", level=LogLevel.DEBUG)
async def prepare(request: SendRequest) -> Sending:
    travelling = [f"blobs/sha256/{step.blob.digest.hex}" for step in request.plan.uploads]
    blobs = await digest_subset_to_digest(DigestSubset(request.image.blobs, PathGlobs(travelling)))
    inputs = await add_prefix(AddPrefix(blobs, INPUT_DIRECTORY))
    process = await call_setup_process(
        OcikitProcess(
            "publish",
            request_document((request.request,), request.plan),
            inputs,
            f"Publish {request.request.origin} to {request.request.destination.address}",
            network=True,
        )
    )
    return Sending(process)


call_prepare = by_name(prepare, Sending, SendRequest)


@rule(desc="Publish an OCI image", level=LogLevel.DEBUG)
async def publish_image(request: PublishImageRequest) -> PublishProcesses:
    wanted = await call_wanted(WantedRequest(request.field_set))
    rows = [_row(r, r.tags, "(skip_push)") for r in wanted.skipped]
    if not wanted.requests:
        return PublishProcesses(rows)
    planned = await call_plan(PlanRequest(wanted.requests))
    rows += [
        _row(r, kept, f"(unchanged: {r.manifest.descriptor.digest})", status="unchanged")
        for r, kept in _unchanged(wanted.requests, planned.plan)
    ]
    changed = [(r, _part(planned.plan, r.destination)) for r in wanted.requests]
    changed = [(r, part) for r, part in changed if part.manifests]
    sendings = await concurrently(call_prepare(SendRequest(r, part, wanted.image)) for r, part in changed)
    for (r, part), sending in zip(changed, sendings):
        tags = tuple(step.tag for step in part.manifests)
        known = all(step.known for step in part.manifests)
        row = _row(
            r,
            tags,
            None,
            status="tagged" if known else "pushed",
            bytes_to_send=part.bytes_to_send,
            process=InteractiveProcess.from_process(sending.process),
        )
        rows.append(row)
    return PublishProcesses(rows)


def _unchanged(requests: Iterable[PushRequest], plan: Plan) -> Iterable[tuple[PushRequest, tuple[str, ...]]]:
    tags: dict[Destination, list[str]] = {}
    for step in plan.kept:
        tags.setdefault(step.destination, []).append(step.tag)
    return ((r, tuple(tags[r.destination])) for r in requests if r.destination in tags)


def _part(plan: Plan, destination: Destination) -> Plan:
    """The steps of a plan that change one repository."""
    return Plan(
        (),
        tuple(step for step in plan.uploads if step.destination == destination),
        tuple(step for step in plan.manifests if step.destination == destination),
    )


def _row(
    request: PushRequest,
    tags: tuple[str, ...],
    description: str | None,
    *,
    status: str = "skipped",
    bytes_to_send: int = 0,
    process: InteractiveProcess | None = None,
) -> PublishPackages:
    data = {
        "publisher": "oci",
        "repository": request.destination.address,
        "tags": tags,
        "digest": str(request.manifest.descriptor.digest),
        "change": status,
        "bytes_to_send": bytes_to_send,
    }
    return PublishPackages(
        names=tuple(request.destination.reference(tag) for tag in tags),
        process=process,
        description=description,
        data=PublishOutputData(data),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *PushFieldSet.rules())

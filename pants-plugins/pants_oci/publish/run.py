"""Publish a run as a whole: one survey, one plan, one process that uploads, and a row for each reference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pants.base.build_environment import get_buildroot
from pants.base.exceptions import IntrinsicError
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest
from pants.engine.rules import _uncacheable_rule, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from ocikit import atomic_file
from ocikit.errors import OcikitError
from ocikit.html_report.document import page
from ocikit.printable import printable_json
from ocikit.publish.outcome import Outcomes
from ocikit.publish.plan import Policy, RefusedMounts, plan
from ocikit.publish.remote_state import Present, Question, QuestionKind
from ocikit.publish.report import UNCHANGED, Row, dry_run_outcomes, is_settled, line, rows, skipped, summary
from ocikit.publish.request import PushRequest
from ocikit.publish.steps import Plan
from pants_oci.compat import by_name, concurrently
from pants_oci.log import printable_logger
from pants_oci.publish.cache_warning import CacheWarningRequest, call_cache_warning
from pants_oci.publish.mode import RunMode
from pants_oci.publish.push import (
    PushFieldSet,
    PushNamesRequest,
    ResolvedPushRequest,
    call_push_names,
    call_resolved_push,
)
from pants_oci.publish.registry_processes import SendRequest, Surveyed, SurveyRequest, call_send, call_survey
from pants_oci.publish.scope import RunScope, RunState
from pants_oci.subsystem import OciSubsystem, Verify

logger = printable_logger(__name__)


@dataclass(frozen=True)
class PublishRunRequest(EngineAwareParameter):
    """Publish the images of these targets together."""

    field_sets: tuple[PushFieldSet, ...]

    def debug_hint(self) -> str:
        return ", ".join(str(field_set.address) for field_set in self.field_sets[:3])


@dataclass(frozen=True)
class PublishedRun:
    """The rows of each target, by its address. `reporting_target`: it reports the result of the run for all."""

    rows: Mapping[str, tuple[Row, ...]]
    reporting_target: str | None = None


# Defined before its caller, because Pants inspects the calls of a rule when the rule is defined.
async def _send(
    todo: tuple[PushRequest, ...],
    steps: Plan,
    images: Mapping[str, tuple[Digest, ...]],
    bases: FrozenDict[str, str],
    surveyed: Surveyed,
    policy: Policy,
) -> tuple[Outcomes, Plan]:
    """Carry out a plan, upload blobs that a registry refused to mount, and return the outcomes and all steps."""
    outcomes, again = Outcomes(), steps
    refused: RefusedMounts = frozenset()
    while todo:
        blobs = tuple(dict.fromkeys(blobs for push in todo for blobs in images[push.origin]))
        try:
            waited = surveyed.waited + outcomes.waited
            sent = await call_send(SendRequest(todo, again, blobs, bases, waited))
        except IntrinsicError as error:
            # Caught here, because this runs in each run. Pants's daemon may keep the result of the rule that uploads.
            return outcomes.then(_unread(again, error)), steps
        outcomes = outcomes.then(sent.outcomes)
        refused |= outcomes.unmounted
        todo = tuple(push for push in todo if outcomes.waits(push.destination, push.blobs))
        again = plan(todo, surveyed.seen.plus(_stored(outcomes, todo)), policy, refused)
        steps = replace(steps, uploads=steps.uploads + again.uploads, mounts=steps.mounts + again.mounts)
    return outcomes, steps


# Uncacheable: otherwise Pants may repeat this with the last survey while it repeats the survey itself. That would
# upload again what an earlier run uploaded.
@_uncacheable_rule(desc="Publish OCI images", level=LogLevel.DEBUG)
async def publish_run(request: PublishRunRequest, oci: OciSubsystem, state: RunState, mode: RunMode) -> PublishedRun:
    requested = await concurrently(
        call_resolved_push(ResolvedPushRequest(field_set)) for field_set in request.field_sets
    )
    requests = tuple(push for one in requested for push in one.requests)
    by_target = {push.origin: skipped(push) for one in requested for push in one.skipped}
    if not requests:
        return PublishedRun(by_target)
    await call_cache_warning(CacheWarningRequest())
    surveyed = await call_survey(SurveyRequest(requests))
    policy = Policy(oci.verify is Verify.BLOBS)
    steps = plan(requests, surveyed.seen, policy)
    requested_now = state.requested()
    if steps.puts and not all(put.origin in requested_now for put in steps.puts):
        requests = tuple(push for push in requests if push.origin in requested_now)
        if not requests:
            return PublishedRun(by_target)
        steps = plan(requests, surveyed.seen, policy)
    outcomes = dry_run_outcomes(steps)
    if not mode.dry_run:
        images = {push.origin: tuple(image.blobs for image in one.images) for one in requested for push in one.requests}
        remote = (image.remote_blobs for one in requested for image in one.images)
        bases = FrozenDict({blob: place for blobs in remote for blob, place in blobs.items()})
        outcomes, steps = await _send(_changed(requests, steps), steps, images, bases, surveyed, policy)
    found = rows(requests, surveyed.seen, steps, outcomes, surveyed.costs)
    _report(found, surveyed, outcomes, state, mode, oci.report)
    for row in found:
        by_target[row.target] = (*by_target.get(row.target, ()), row)
    reporting_target = next((row.target for row in found if not is_settled(row, mode.dry_run)), None)
    return PublishedRun(by_target, reporting_target)


call_publish_run = by_name(publish_run, PublishedRun, PublishRunRequest)


@dataclass(frozen=True)
class PublishExpectedRequest:
    """Publish the targets that the run is expected to publish. Equal for all of them, so it happens once."""


@rule(desc="Publish the targets of the run", level=LogLevel.TRACE)
async def publish_expected(_: PublishExpectedRequest, scope: RunScope) -> PublishedRun:
    names = await concurrently(call_push_names(PushNamesRequest(field_set)) for field_set in scope.field_sets)
    # Skipped targets need not be built for the others. If one is requested, it is reported separately.
    field_sets = tuple(one.field_set for one in names if not one.is_skipped)
    return await call_publish_run(PublishRunRequest(field_sets))


call_publish_expected = by_name(publish_expected, PublishedRun, PublishExpectedRequest)


def _changed(requests: Iterable[PushRequest], steps: Plan) -> tuple[PushRequest, ...]:
    puts = {(put.origin, put.destination) for put in steps.puts}
    return tuple(push for push in requests if (push.origin, push.destination) in puts)


def _unread(steps: Plan, error: IntrinsicError) -> Outcomes:
    """The outcomes of steps that were not carried out, because Pants could not read the input of the upload."""
    text = (
        f"the blobs to upload could not be read from Pants's caches, local or remote: {error}. "
        "Run again with `--cache-content-behavior=validate`: Pants then rebuilds the blobs that no cache has."
    )
    return Outcomes({(put.origin, put.destination, tag): text for put in steps.puts for tag in put.tags})


def _stored(outcomes: Outcomes, requests: Iterable[PushRequest]) -> Mapping[Question, Present]:
    children = {
        Question(push.destination, QuestionKind.MANIFEST, str(child.descriptor.digest)): Present(
            child.descriptor.digest
        )
        for push in requests
        for child in push.children
        if (push.destination, child.descriptor.digest) in outcomes.stored
    }
    blobs = {
        Question(push.destination, QuestionKind.BLOB, str(blob.digest), blob.size): Present(blob.digest)
        for push in requests
        for blob in push.blobs
        if (push.destination, blob.digest) in outcomes.stored
    }
    return {**children, **blobs}


def _report(
    found: tuple[Row, ...],
    surveyed: Surveyed,
    outcomes: Outcomes,
    state: RunState,
    mode: RunMode,
    report: str | None,
) -> None:
    """Log changes and failures, and write the report. Rules must not write files, but no rule reads this one."""
    for text in dict.fromkeys((*surveyed.warnings, *outcomes.warnings)):
        logger.warning("%s", text)
    prefix = "dry run: " if mode.dry_run else ""
    for row in found:
        if row.error:
            logger.error("%s", line(row))
        elif row.outcome != UNCHANGED:
            logger.info("%s%s", prefix, line(row))
    logger.info("%s%s", prefix, summary(found))
    if report:
        _write_report(report, state.report(found), dry_run=mode.dry_run)


def _write_report(path: str, found: Sequence[Row], *, dry_run: bool) -> None:
    """Write the report. If that fails, log an error, because the publish itself succeeded."""
    if path.endswith(".html"):
        data = page(found, dry_run=dry_run).encode()
    else:
        document = {"dry_run": dry_run, "references": [row.to_json() for row in found]}
        data = printable_json(document).encode() + b"\n"
    try:
        atomic_file.write(os.path.join(get_buildroot(), path), data)
    except OcikitError as error:
        logger.error('[oci].report "%s" was not written: %s', path, error)


def rules() -> Iterable[object]:
    return collect_rules()

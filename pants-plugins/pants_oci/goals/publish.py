"""`pants publish`: report the results of a whole run to Pants's goal.

Pants counts a package as published when a process for it succeeds. Everything is published by then, and an interactive
process costs a fork of the daemon, 20 ms and more. So one target of a run reports all that was published and all that
failed, with two processes at most.

If Pants asks first whether a target is skipped, its image is not built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pants.core.goals.publish import PublishOutputData, PublishPackages, PublishProcesses
from pants.engine.rules import _uncacheable_rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from ocikit.printable import printable
from ocikit.publish.report import FAILED, SKIPPED, UNCHANGED, Row, details, is_settled, unbuilt
from pants_oci.compat import CheckSkipRequest, CheckSkipResult, PublishProcess, publish_process
from pants_oci.publish.mode import RunMode
from pants_oci.publish.push import (
    PublishImageRequest,
    PushFieldSet,
    PushNamesRequest,
    SkipPushRequest,
    call_push_names,
)
from pants_oci.publish.run import (
    PublishedRun,
    PublishExpectedRequest,
    PublishRunRequest,
    call_publish_expected,
    call_publish_run,
)
from pants_oci.publish.scope import RunState

_SUCCEED = ("/bin/sh", "-c", "exit 0")
# Prints nothing: from Pants 2.26 on, an option decides whether output is shown. The log has the failures.
_FAIL = ("/bin/sh", "-c", "exit 1")


# Uncacheable: it marks the target as requested first.
@_uncacheable_rule(desc="Publish an OCI image", level=LogLevel.DEBUG)
async def publish_image(request: PublishImageRequest, mode: RunMode, state: RunState) -> PublishProcesses:
    address = str(request.field_set.address)
    state.mark_requested(address)
    run = await call_publish_expected(PublishExpectedRequest())
    if address not in run.rows:
        run = await call_publish_run(PublishRunRequest((request.field_set,)))
    own = [_skipped(row, mode) for row in run.rows[address] if is_settled(row, mode.dry_run)]
    return PublishProcesses((*own, *(_done(run, mode) if run.reporting_target == address else ())))


@rule(desc="Check whether an OCI push is skipped", level=LogLevel.DEBUG)
async def skip_push(request: SkipPushRequest, mode: RunMode) -> CheckSkipResult:
    field_set: PushFieldSet = request.publish_fs
    names = await call_push_names(PushNamesRequest(field_set))
    if not names.is_skipped:
        return CheckSkipResult(())
    address = str(field_set.address)
    rows = [unbuilt(address, place.destination, tag) for _, place in names.named() for tag in place.tags]
    packages = (_skipped(row, mode) for row in rows)
    # The data that Pants itself adds for packages.
    own = field_set.get_output_data()
    return CheckSkipResult(tuple(replace(one, data=PublishOutputData({**one.data, **own})) for one in packages))


def _done(run: PublishedRun, mode: RunMode) -> Iterable[PublishPackages]:
    """The published references, and the failed ones."""
    rows = [row for rows in run.rows.values() for row in rows if not is_settled(row, mode.dry_run)]
    published = tuple(row for row in rows if row.outcome != FAILED)
    failed = tuple(row for row in rows if row.outcome == FAILED)
    if published:
        yield _packages(published, mode, publish_process(_SUCCEED, "Report what was published"))
    if failed:
        yield _packages(failed, mode, publish_process(_FAIL, "Report what failed"))


def _skipped(row: Row, mode: RunMode) -> PublishPackages:
    reasons = {SKIPPED: "skip_push", UNCHANGED: f"unchanged: {row.digest}"}
    reason = reasons.get(row.outcome) or f"dry run: would be {row.outcome}: {details(row)}"
    return replace(_packages((row,), mode, None), description=printable(f"({reason})"))


def _packages(rows: tuple[Row, ...], mode: RunMode, process: PublishProcess | None) -> PublishPackages:
    data = PublishOutputData({"publisher": "oci", "dry_run": mode.dry_run, "references": rows})
    return PublishPackages(tuple(printable(row.reference) for row in rows), process, data=data)


def rules() -> Iterable[object]:
    return (*collect_rules(), *PushFieldSet.rules(), UnionRule(CheckSkipRequest, SkipPushRequest))

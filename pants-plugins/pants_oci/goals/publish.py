"""`pants publish`: what a run has published as a whole, in the words of Pants's goal.

Pants counts as published what an interactive process of its own has done. The work is done by then, and such a process
costs a fork of its daemon, 20 ms and more. So one target of a run speaks for all that was published, and for all that
failed: two processes at most, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pants.core.goals.publish import PublishOutputData, PublishPackages, PublishProcesses
from pants.engine.process import InteractiveProcess
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.push.report import FAILED, SKIPPED, UNCHANGED, Row, details, is_settled, line
from pants_oci.steps.publish_run import (
    PublishedRun,
    PublishExpectedRequest,
    PublishRunRequest,
    call_publish_expected,
    call_publish_run,
)
from pants_oci.steps.run_scope import RunRegister
from pants_oci.steps.wanted import PublishImageRequest, PushFieldSet
from pants_oci.subsystem import OciSubsystem

_SUCCEED = ("/bin/sh", "-c", "exit 0")
_FAIL = ("/bin/sh", "-c", 'printf "%s\\n" "$@" >&2; exit 1', "publish")


@rule(desc="Publish an OCI image", level=LogLevel.DEBUG)
async def publish_image(request: PublishImageRequest, oci: OciSubsystem, register: RunRegister) -> PublishProcesses:
    address = str(request.field_set.address)
    register.sign(address)
    run = await call_publish_expected(PublishExpectedRequest())
    if address not in run.rows:
        run = await call_publish_run(PublishRunRequest((request.field_set,)))
    own = [_skipped(row, oci) for row in run.rows[address] if is_settled(row, oci.dry_run)]
    return PublishProcesses((*own, *(_done(run, oci) if run.speaker == address else ())))


def _done(run: PublishedRun, oci: OciSubsystem) -> Iterable[PublishPackages]:
    """What was published, and what failed."""
    rows = [row for rows in run.rows.values() for row in rows if not is_settled(row, oci.dry_run)]
    published = tuple(row for row in rows if row.outcome != FAILED)
    failed = tuple(row for row in rows if row.outcome == FAILED)
    if published:
        yield _packages(published, oci, InteractiveProcess(_SUCCEED, env={}))
    if failed:
        yield _packages(failed, oci, InteractiveProcess((*_FAIL, *map(line, failed)), env={}))


def _skipped(row: Row, oci: OciSubsystem) -> PublishPackages:
    reasons = {SKIPPED: "skip_push", UNCHANGED: f"unchanged: {row.digest}"}
    reason = reasons.get(row.outcome) or f"dry run: would be {row.outcome}: {details(row)}"
    return replace(_packages((row,), oci, None), description=f"({reason})")


def _packages(rows: tuple[Row, ...], oci: OciSubsystem, process: InteractiveProcess | None) -> PublishPackages:
    data = PublishOutputData({"publisher": "oci", "dry_run": oci.dry_run, "references": rows})
    return PublishPackages(tuple(row.reference for row in rows), process, data=data)


def rules() -> Iterable[object]:
    return (*collect_rules(), *PushFieldSet.rules())

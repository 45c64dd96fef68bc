"""`pants publish`: what a run has published as a whole is told for each target."""

from __future__ import annotations

from collections.abc import Iterable

from pants.core.goals.publish import PublishOutputData, PublishPackages, PublishProcesses
from pants.engine.process import InteractiveProcess
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.push.report import FAILED, SKIPPED, UNCHANGED, Row, details, line, skipped
from pants_oci.steps.publish_run import (
    PublishExpectedRequest,
    PublishRunRequest,
    call_publish_expected,
    call_publish_run,
)
from pants_oci.steps.run_scope import RunRegisterRequest, call_run_register
from pants_oci.steps.wanted import PublishImageRequest, PushFieldSet, WantedRequest, call_wanted
from pants_oci.subsystem import OciSubsystem

# Pants counts as published what a process of its own has done. The work is done by then, and these only say so.
_SUCCEED = ("/bin/sh", "-c", "exit 0")
_FAIL = ("/bin/sh", "-c", 'printf "%s\\n" "$1" >&2; exit 1', "publish")


@rule(desc="Publish an OCI image", level=LogLevel.DEBUG)
async def publish_image(request: PublishImageRequest, oci: OciSubsystem) -> PublishProcesses:
    field_set = request.field_set
    register = await call_run_register(RunRegisterRequest())
    register.sign(str(field_set.address))
    wanted = await call_wanted(WantedRequest(field_set))
    left_out = [_told(row, oci.dry_run) for push in wanted.skipped for row in skipped(push)]
    if not wanted.requests:
        return PublishProcesses(left_out)
    run = await call_publish_expected(PublishExpectedRequest())
    if str(field_set.address) not in run.rows:
        run = await call_publish_run(PublishRunRequest((field_set,)))
    rows = run.rows[str(field_set.address)]
    return PublishProcesses((*(_told(row, oci.dry_run) for row in rows), *left_out))


def _told(row: Row, dry_run: bool) -> PublishPackages:
    process, description = None, None
    if row.outcome == SKIPPED:
        description = "(skip_push)"
    elif row.outcome == UNCHANGED:
        description = f"(unchanged: {row.digest})"
    elif row.outcome == FAILED:
        process = InteractiveProcess((*_FAIL, line(row)), env={})
    elif dry_run:
        description = f"(dry run: would be {row.outcome}: {details(row)})"
    else:
        process = InteractiveProcess(_SUCCEED, env={})
    data = PublishOutputData({"publisher": "oci", "dry_run": dry_run, **vars(row)})
    return PublishPackages(names=(row.reference,), process=process, description=description, data=data)


def rules() -> Iterable[object]:
    return (*collect_rules(), *PushFieldSet.rules())

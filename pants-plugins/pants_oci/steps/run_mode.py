"""What kind of run this is, as its command line says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.deploy import DeploySubsystem
from pants.core.goals.publish import PublishSubsystem
from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class RunMode:
    """`deploys`, `publishes`: whether that goal is called. `dry_run`: nothing is published, and nothing deployed."""

    deploys: bool
    publishes: bool
    dry_run: bool


@rule(desc="Find what kind of run this is", level=LogLevel.TRACE)
async def run_mode(options: _Options, oci: OciSubsystem) -> RunMode:
    goals = options.options.goals
    deploys = DeploySubsystem.name in goals
    return RunMode(deploys, PublishSubsystem.name in goals, oci.dry_run or (deploys and oci.deployment_dry_run))


def rules() -> Iterable[object]:
    return collect_rules()

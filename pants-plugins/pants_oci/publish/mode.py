"""The kind of a run, from its command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.deploy import DeploySubsystem
from pants.core.goals.publish import PublishSubsystem
from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from pants_oci.compat import PUBLISHES_IN_BACKGROUND, EnvironmentsSubsystem
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class RunMode:
    """`deploys`, `publishes`: whether that goal is called. `dry_run`: nothing is published or deployed.

    `problem`: why the goal cannot succeed, whatever its targets.
    """

    deploys: bool
    publishes: bool
    dry_run: bool
    problem: str | None = None


# Pants runs the last step of a goal on this machine, and refuses it if every process runs remotely.
_NO_MACHINE = (
    "Pants cannot {goal} while it runs every process remotely: `--remote-execution` is set, and "
    "`[environments-preview].names` is empty. Nothing was built or uploaded. Declare a `remote_environment`, give it a "
    "name there, and set `environment` on targets to build remotely."
)


def problem_of(goal: str, *, dry_run: bool, in_foreground: bool, all_remote: bool) -> str | None:
    """Why a goal cannot succeed, or None. `in_foreground`: Pants runs the last step on its own machine."""
    return _NO_MACHINE.format(goal=goal) if in_foreground and all_remote and not dry_run else None


@rule(desc="Determine the kind of the run", level=LogLevel.TRACE)
async def run_mode(
    options: _Options, oci: OciSubsystem, environments: EnvironmentsSubsystem, pants: GlobalOptions
) -> RunMode:
    goals = options.options.goals
    deploys, publishes = DeploySubsystem.name in goals, PublishSubsystem.name in goals
    dry_run = oci.dry_run or (deploys and oci.deployment_dry_run)
    problem = problem_of(
        "deploy" if deploys else "publish",
        dry_run=dry_run,
        in_foreground=deploys or (publishes and not PUBLISHES_IN_BACKGROUND),
        all_remote=environments.remote_execution_used_globally(pants),
    )
    return RunMode(deploys, publishes, dry_run, problem)


def rules() -> Iterable[object]:
    return collect_rules()

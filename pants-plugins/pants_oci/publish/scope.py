"""Find the targets that a run is expected to publish, and record those that Pants requests.

Pants requests the processes of one target at a time, but a run is published as a whole. The expected targets are found
as Pants does it, from the command line or from changed files: the named pushes, and the pushes that named deployments
need. That may be wrong, because Pants does not report the directory it was called in. So each requested target is
also marked in `RunState`: only requested targets are published, and a target that was not expected is published alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pants.base.build_environment import get_buildroot
from pants.base.specs import AddressLiteralSpec, FileLiteralSpec, RawSpecs, Specs
from pants.base.specs_parser import SpecsParser
from pants.core.goals.deploy import DeployFieldSet
from pants.core.goals.publish import PublishFieldSet
from pants.engine.addresses import AddressInput
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import GlobMatchErrorBehavior
from pants.engine.internals.options_parsing import _Options
from pants.engine.internals.session import SessionValues
from pants.engine.rules import _uncacheable_rule, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    NoApplicableTargetsBehavior,
    Target,
    TargetRootsToFieldSetsRequest,
)
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.vcs.changed import ChangedOptions, ChangedRequest
from pants.vcs.git import GitWorktreeRequest

from ocikit.publish.report import Row
from pants_oci.compat import (
    DELETED_ADDRESS,
    by_name,
    changed_addresses,
    changed_request,
    concurrently,
    dependencies_of,
    find_field_sets_of_specs,
    get_git_worktree,
    implicitly,
)
from pants_oci.publish.mode import RunMode
from pants_oci.publish.push import PushFieldSet
from pants_oci.targets.deployment_field_set import DeploymentFieldSet


class RunState:
    """The targets that Pants has requested in this run so far, and their rows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested: set[str] = set()
        self._rows: dict[str, Row] = {}

    def mark_requested(self, origin: str) -> None:
        with self._lock:
            self._requested.add(origin)

    def requested(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._requested)

    def report(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """Add rows to those of the run, and return all of them."""
        with self._lock:
            self._rows.update((row.reference, row) for row in rows)
            return tuple(self._rows.values())


@_uncacheable_rule(desc="Create the state of the run", level=LogLevel.TRACE)
async def run_state() -> RunState:
    return RunState()


@dataclass(frozen=True)
class RunSpecsRequest:
    """Find the specs of the run, from the command line or from changed files."""


@dataclass(frozen=True)
class RunSpecs:
    specs: Specs


@rule(desc="Find the specs of the run", level=LogLevel.DEBUG)
async def run_specs(_: RunSpecsRequest, options: _Options, session: SessionValues) -> RunSpecs:
    unmatched = options.options.for_global_scope().unmatched_cli_globs
    changed = ChangedOptions.from_options(options.options.for_scope("changed"))
    if not changed.provided:
        parser = SpecsParser(working_dir=_working_directory(session))
        specs = parser.parse_specs(
            options.options.specs, description_of_origin="CLI arguments", unmatched_glob_behavior=unmatched
        )
        return RunSpecs(specs)
    worktree = await get_git_worktree(**implicitly(GitWorktreeRequest()))
    files = tuple(changed.changed_files(worktree.git_worktree)) if worktree.git_worktree else ()
    request = changed_request(files, changed.dependents)
    addresses = await changed_addresses(**implicitly({request: ChangedRequest}))
    origin = "`--changed-since`"
    inputs = [
        AddressInput.parse(address.spec, description_of_origin=origin)
        for address in addresses
        if address != DELETED_ADDRESS
    ]
    includes = RawSpecs(
        address_literals=tuple(
            AddressLiteralSpec(
                path_component=parsed.path_component,
                target_component=parsed.target_component,
                generated_component=parsed.generated_component,
                parameters=FrozenDict(parsed.parameters),
            )
            for parsed in inputs
        ),
        file_literals=tuple(FileLiteralSpec(file) for file in files),
        # A deleted file matches nothing.
        unmatched_glob_behavior=GlobMatchErrorBehavior.ignore,
        filter_by_global_options=True,
        from_change_detection=True,
        description_of_origin=origin,
    )
    return RunSpecs(Specs(includes, RawSpecs(description_of_origin=origin)))


call_run_specs = by_name(run_specs, RunSpecs, RunSpecsRequest)


@dataclass(frozen=True)
class RunScope:
    """The push targets that the run is expected to publish, and the deployments that need them."""

    field_sets: tuple[PushFieldSet, ...] = ()
    deployments: tuple[DeploymentFieldSet, ...] = ()


@dataclass(frozen=True)
class DeployedPushesRequest:
    """Find the push targets that a deployment needs: those in its sources, and those in `dependencies`."""

    dependencies: Dependencies


@dataclass(frozen=True)
class DeployedPushes:
    targets: tuple[Target, ...]


@rule(desc="Find the push targets that an OCI deployment needs", level=LogLevel.DEBUG)
async def deployed_pushes(request: DeployedPushesRequest) -> DeployedPushes:
    targets = await dependencies_of(**implicitly(DependenciesRequest(request.dependencies)))
    return DeployedPushes(tuple(target for target in targets if PushFieldSet.is_applicable(target)))


call_deployed_pushes = by_name(deployed_pushes, DeployedPushes, DeployedPushesRequest)


@rule(desc="Find the targets that the run publishes", level=LogLevel.DEBUG)
async def run_scope(mode: RunMode) -> RunScope:
    try:
        named = await call_run_specs(RunSpecsRequest())
        roots = await concurrently(
            find_field_sets_of_specs(
                TargetRootsToFieldSetsRequest(
                    superclass,
                    goal_description="this goal",
                    no_applicable_targets_behavior=NoApplicableTargetsBehavior.ignore,
                ),
                named.specs,
            )
            for superclass, requested in ((PublishFieldSet, mode.publishes), (DeployFieldSet, mode.deploys))
            if requested
        )
        found = {field_set.address: field_set for root in roots for field_set in root.field_sets}
        deployments = [field_set for field_set in found.values() if isinstance(field_set, DeploymentFieldSet)]
        needed = await concurrently(
            call_deployed_pushes(DeployedPushesRequest(deployment.dependencies)) for deployment in deployments
        )
    except Exception:  # noqa: BLE001 - Pants itself reports errors of the command line.
        return RunScope()
    pushes = {address: field_set for address, field_set in found.items() if isinstance(field_set, PushFieldSet)}
    pushes.update({push.address: PushFieldSet.create(push) for one in needed for push in one.targets})
    return RunScope(tuple(pushes[address] for address in sorted(pushes)), tuple(deployments))


def _working_directory(session: SessionValues) -> str:
    """The working directory, relative to the build root. Empty if the shell does not set PWD, or outside."""
    root, pwd = PurePath(get_buildroot()), session[CompleteEnvironmentVars].get("PWD", "")
    real = PurePath(os.path.realpath(pwd)) if pwd else root
    return str(real.relative_to(root)) if root in (real, *real.parents) else ""


def rules() -> Iterable[object]:
    return collect_rules()

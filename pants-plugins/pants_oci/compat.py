"""The only module that asks which Pants is running.

Rule bodies are written for current Pants, which calls rules by name. If Pants lacks some of these rules, each name here
is a function that makes the `Get` of its output and input types. When the oldest supported Pants is 2.29, delete the
second branch, and import these names from Pants.

The module detects features instead of comparing versions. `always_true` and `always_false` in pyproject.toml choose the
branches for type checkers.
"""

# This module has no `from __future__ import annotations`, and its `-> Get` has no type arguments: the rule parser of
# Pants 2.17 follows a call only if its return annotation is a class.
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Callable, TypeVar, cast

from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet, PexFromTargetsRequestForBuiltPackage
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import Pex, PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_from_targets import InterpreterConstraintsRequest, PexFromTargetsRequest
from pants.base.specs import RawSpecsWithoutFileOwners, Specs
from pants.core.goals import publish
from pants.core.goals.package import BuiltPackage, EnvironmentAwarePackageRequest, PackageFieldSet
from pants.core.util_rules.archive import ExtractedArchive, MaybeExtractArchiveRequest
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.core.util_rules.stripped_source_files import StrippedSourceFiles
from pants.core.util_rules.system_binaries import BinaryPathRequest, BinaryPaths
from pants.engine.addresses import Addresses, UnparsedAddressInputs
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.environment import EnvironmentName
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    DigestSubset,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.internals import build_files
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.engine.platform import Platform
from pants.engine.process import FallibleProcessResult, InteractiveProcess, Process, ProcessCacheScope, ProcessResult
from pants.engine.target import (
    DependenciesRequest,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    FilteredTargets,
    HydratedSources,
    HydrateSourcesRequest,
    TargetRootsToFieldSets,
    TargetRootsToFieldSetsRequest,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
    UnexpandedTargets,
)
from pants.engine.unions import union
from pants.option.global_options import KeepSandboxes
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.vcs.changed import ChangedAddresses, ChangedRequest, DependentsOption
from pants.vcs.git import GitWorktreeRequest, MaybeGitWorktree

_Output = TypeVar("_Output")
_Request = TypeVar("_Request")
_Rule = Callable[..., Coroutine[Any, Any, _Output]]

CALLS_BY_NAME = find_spec("pants.core.util_rules.env_vars") is not None  # 2.29
HAS_ENVIRONMENTS = find_spec("pants.core.environments") is not None  # 2.28
PUBLISHES_IN_BACKGROUND = hasattr(publish, "ShowOutput")  # 2.26
SEES_TEXT_BLOCKS = find_spec("pants.vcs.hunk") is not None  # 2.23
SKIPS_EARLY = hasattr(publish, "CheckSkipRequest")  # 2.32

if CALLS_BY_NAME:
    from pants.backend.python.goals.package_pex_binary import package_pex_binary
    from pants.backend.python.util_rules.pex import (
        create_pex,
        create_venv_pex,
        find_interpreter,
        setup_venv_pex_process,
    )
    from pants.backend.python.util_rules.pex_cli import setup_pex_cli_process
    from pants.backend.python.util_rules.pex_from_targets import (
        create_pex_from_targets,
        interpreter_constraints_for_targets,
    )
    from pants.core.environments.rules import EnvironmentNameRequest, resolve_environment_name
    from pants.core.environments.subsystems import EnvironmentsSubsystem
    from pants.core.environments.target_types import EnvironmentField, EnvironmentTarget
    from pants.core.goals.package import environment_aware_package
    from pants.core.util_rules.archive import maybe_extract_archive
    from pants.core.util_rules.env_vars import environment_vars_subset
    from pants.core.util_rules.source_files import determine_source_files
    from pants.core.util_rules.stripped_source_files import strip_source_roots
    from pants.core.util_rules.system_binaries import find_binary
    from pants.engine.internals.graph import (
        filter_targets,
        find_valid_field_sets,
        hydrate_sources,
        resolve_targets,
        resolve_unexpanded_targets,
        resolve_unparsed_address_inputs,
        transitive_targets,
    )
    from pants.engine.internals.specs_rules import (
        addresses_from_raw_specs_without_file_owners as addresses_of_specs,
    )
    from pants.engine.internals.specs_rules import find_valid_field_sets_for_target_roots
    from pants.engine.intrinsics import (
        add_prefix,
        create_digest,
        digest_subset_to_digest,
        execute_process,
        get_digest_contents,
        get_digest_entries,
        merge_digests,
        path_globs_to_digest,
        remove_prefix,
    )
    from pants.engine.process import execute_process_or_raise
    from pants.engine.rules import concurrently, implicitly
    from pants.vcs.changed import find_changed_owners as changed_addresses
    from pants.vcs.git import get_git_worktree

    execute_process_in = execute_process
    dependencies_of = targets_of = targets_of_specs = resolve_targets
    filtered_targets_of_specs = filter_targets
    unexpanded_targets_of = resolve_unexpanded_targets

    async def find_field_sets_of_specs(request: Any, specs: Any) -> Any:
        """Find the field sets of the targets that a command line names."""
        return await find_valid_field_sets_for_target_roots(request, **implicitly({specs: Specs}))

    def by_name(
        rule_function: _Rule[_Output], output: type[_Output], request: type[_Request]
    ) -> Callable[[_Request], Coroutine[Any, Any, _Output]]:
        """Return a function that calls another rule of this plugin."""
        return rule_function

    def by_name_in_environment(
        rule_function: _Rule[_Output], output: type[_Output], request: type
    ) -> Callable[..., Coroutine[Any, Any, _Output]]:
        """Like `by_name`, for calls with `**implicitly({request: Type, name: EnvironmentName})`."""
        return rule_function

else:
    if HAS_ENVIRONMENTS:
        from pants.core.environments.rules import EnvironmentNameRequest
        from pants.core.environments.subsystems import EnvironmentsSubsystem
        from pants.core.environments.target_types import EnvironmentField, EnvironmentTarget
    else:
        from pants.core.util_rules.environments import (
            EnvironmentField,
            EnvironmentNameRequest,
            EnvironmentsSubsystem,
            EnvironmentTarget,
        )
    from pants.engine.rules import Get
    from pants.engine.rules import MultiGet as concurrently

    def implicitly(*args: Any) -> Any:
        return {"__implicitly": args}

    def _get(output: type[_Output], request: type) -> Callable[..., Get[_Output]]:
        def call(*args: Any, **keywords: Any) -> Get:
            argument = args[0] if args else keywords["__implicitly"][0]
            if isinstance(argument, dict):
                ((argument, _),) = argument.items()
            return Get(output, request, argument)

        return call

    def by_name(
        rule_function: _Rule[_Output], output: type[_Output], request: type[_Request]
    ) -> Callable[[_Request], Get[_Output]]:
        return _get(output, request)

    def by_name_in_environment(
        rule_function: _Rule[_Output], output: type[_Output], request: type
    ) -> Callable[..., Get[_Output]]:
        def call(**keywords: Any) -> Get:
            ((argument, _), (environment, _)) = keywords["__implicitly"][0].items()
            return Get(output, {argument: request, environment: EnvironmentName})

        return call

    def execute_process_in(process: Any, environment: Any) -> Get:
        """Run a process in `environment` instead of the one that Pants has chosen."""
        return Get(FallibleProcessResult, {process: Process, environment: ProcessExecutionEnvironment})

    def find_field_sets_of_specs(request: Any, specs: Any) -> Get:
        return Get(TargetRootsToFieldSets, {request: TargetRootsToFieldSetsRequest, specs: Specs})

    add_prefix = _get(Digest, AddPrefix)
    addresses_of_specs = _get(Addresses, RawSpecsWithoutFileOwners)
    changed_addresses = _get(ChangedAddresses, ChangedRequest)
    create_digest = _get(Digest, CreateDigest)
    create_pex = _get(Pex, PexRequest)
    create_pex_from_targets = _get(PexRequest, PexFromTargetsRequest)
    create_venv_pex = _get(VenvPex, PexRequest)
    dependencies_of = _get(Targets, DependenciesRequest)
    determine_source_files = _get(SourceFiles, SourceFilesRequest)
    digest_subset_to_digest = _get(Digest, DigestSubset)
    environment_aware_package = _get(BuiltPackage, EnvironmentAwarePackageRequest)
    environment_vars_subset = _get(EnvironmentVars, EnvironmentVarsRequest)
    execute_process = _get(FallibleProcessResult, Process)
    execute_process_or_raise = _get(ProcessResult, Process)
    filtered_targets_of_specs = _get(FilteredTargets, Specs)
    find_binary = _get(BinaryPaths, BinaryPathRequest)
    find_interpreter = _get(PythonExecutable, InterpreterConstraints)
    find_valid_field_sets = _get(FieldSetsPerTarget, FieldSetsPerTargetRequest)
    get_digest_contents = _get(DigestContents, Digest)
    get_digest_entries = _get(DigestEntries, Digest)
    get_git_worktree = _get(MaybeGitWorktree, GitWorktreeRequest)
    hydrate_sources = _get(HydratedSources, HydrateSourcesRequest)
    interpreter_constraints_for_targets = _get(InterpreterConstraints, InterpreterConstraintsRequest)
    maybe_extract_archive = _get(ExtractedArchive, MaybeExtractArchiveRequest)
    merge_digests = _get(Digest, MergeDigests)
    package_pex_binary = _get(PexFromTargetsRequestForBuiltPackage, PexBinaryFieldSet)
    path_globs_to_digest = _get(Digest, PathGlobs)
    remove_prefix = _get(Digest, RemovePrefix)
    resolve_environment_name = _get(EnvironmentName, EnvironmentNameRequest)
    resolve_unparsed_address_inputs = _get(Addresses, UnparsedAddressInputs)
    setup_pex_cli_process = _get(Process, PexCliProcess)
    setup_venv_pex_process = _get(Process, VenvPexProcess)
    strip_source_roots = _get(StrippedSourceFiles, SourceFilesRequest)
    targets_of = _get(Targets, Addresses)
    targets_of_specs = _get(Targets, Specs)
    transitive_targets = _get(TransitiveTargets, TransitiveTargetsRequest)
    unexpanded_targets_of = _get(UnexpandedTargets, Addresses)


def execution_on_this_machine(keep_sandboxes: KeepSandboxes) -> ProcessExecutionEnvironment:
    """The environment of a process that runs neither in a container nor on a remote worker."""
    make: Callable[..., ProcessExecutionEnvironment] = partial(
        ProcessExecutionEnvironment,
        environment_name=None,
        platform=Platform.create_for_localhost().value,
        docker_image=None,
        remote_execution=False,
        remote_execution_extra_platform_properties=[],
    )
    with suppress(TypeError):  # 2.27
        return make(execute_in_workspace=False, keep_sandboxes=keep_sandboxes.value)
    with suppress(TypeError):  # 2.22
        return make(execute_in_workspace=False)
    return make()


# Pants's placeholder address for a deleted file.
DELETED_ADDRESS = getattr(build_files, "DELETED_ADDRESS", None)

if SEES_TEXT_BLOCKS:

    def changed_request(files: tuple[str, ...], dependents: DependentsOption) -> ChangedRequest:
        """Request whole files, without text blocks: this also finds the owners of blocks."""
        return ChangedRequest(files, FrozenDict(), dependents)

else:

    def changed_request(files: tuple[str, ...], dependents: DependentsOption) -> ChangedRequest:
        return ChangedRequest(files, dependents)


if PUBLISHES_IN_BACKGROUND:
    PublishProcess = Process

    def publish_process(argv: tuple[str, ...], description: str) -> PublishProcess:
        """The process that reports to Pants what was published."""
        return Process(argv, description=description, cache_scope=ProcessCacheScope.PER_SESSION, level=LogLevel.DEBUG)

else:
    PublishProcess = InteractiveProcess

    def publish_process(argv: tuple[str, ...], description: str) -> PublishProcess:
        # Each process is unique: from 2.22 on, Pants would otherwise reuse that of an earlier run, and warn.
        return InteractiveProcess(argv, env={"STARTED": str(time.monotonic_ns())})


if SKIPS_EARLY:
    from pants.core.goals.publish import CheckSkipRequest, CheckSkipResult
else:
    # Older Pants never makes this request. The class exists so that the rule for it can be written.
    @union
    @dataclass(frozen=True)
    class CheckSkipRequest:
        package_fs: PackageFieldSet
        publish_fs: Any

    @dataclass(frozen=True)
    class CheckSkipResult:
        inner: tuple[publish.PublishPackages, ...]

"""Run ocikit in a sandbox with a command, a request as JSON, and files, on this machine or elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pants.backend.python.util_rules.pex import VenvPexProcess
from pants.engine.environment import LOCAL_ENVIRONMENT_MATCHER, EnvironmentName
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope, ProcessExecutionFailure
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import KeepSandboxes
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from ocikit.printable import printable, printable_lines
from ocikit.sandbox import protocol
from ocikit.sandbox.protocol import Command
from ocikit.spec import canonical_json
from pants_oci.compat import (
    EnvironmentNameRequest,
    by_name,
    by_name_in_environment,
    create_digest,
    execute_process,
    execute_process_in,
    execution_on_this_machine,
    get_digest_contents,
    implicitly,
    merge_digests,
    resolve_environment_name,
    setup_venv_pex_process,
)
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.sandbox.environment_socket import (
    MEMORY_CACHE,
    MEMORY_DIRECTORY,
    EnvironmentSocketRequest,
    PersistentEnvironmentSocketRequest,
    call_environment_socket,
    call_persistent_environment_socket,
)
from pants_oci.sandbox.launcher import Launcher
from pants_oci.sandbox.pex import ProgramRequest, call_set_up_tool
from pants_oci.sandbox.registry_options import registry_settings
from pants_oci.subsystem import OciSubsystem

# How long Pants waits for a remote cache before it also starts the process. An early start seldom pays: the input may
# be only in the remote cache, and would be downloaded for nothing.
CACHE_FIRST_MILLIS = 5000

# Processes that access registries keep state there between runs.
_MEMORY = FrozenDict({MEMORY_CACHE: MEMORY_DIRECTORY})

# Variables that locate credentials, credential helpers and container engines. Their values are never secrets.
_ALWAYS_PASSED = (
    *("DOCKER_CONFIG", "HOME", "PATH", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"),
    *("DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_CONNECTION", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
)


@dataclass(frozen=True)
class OcikitProcess:
    """A call of `python -m ocikit COMMAND request.json` in a sandbox with `inputs` below `input/`."""

    command: Command
    request: bytes = field(repr=False)
    inputs: Digest
    description: str
    output_files: tuple[str, ...] = ()
    # Some remote caches do not return results with directories, so use files where their names are known.
    output_directories: tuple[str, ...] = ()
    # Accesses registries: gets the environment for that, and its result is valid only for this run.
    network: bool = False
    # Downloads content by digest: its result is always valid, whatever the credentials and settings.
    fetches: bool = False
    # Writes files of this machine, so it runs here, and no worker receives its input.
    here: bool = False
    level: LogLevel = LogLevel.INFO


@dataclass(frozen=True)
class SetUpProcess:
    """A process, and the launcher that must be in place before it runs."""

    process: Process
    launcher: Launcher | None

    def ready(self) -> Process:
        if self.launcher:
            self.launcher.put()
        return self.process


@rule(desc="Set up an ocikit process", level=LogLevel.DEBUG)
async def setup_ocikit_process(
    request: OcikitProcess,
    configured: ConfiguredRegistries,
    aware: OciSubsystem.EnvironmentAware,
) -> SetUpProcess:
    environment: dict[str, str] = {}
    if request.network:
        # Over the socket, because the script that starts a PEX sets a PATH, which is not always the user's.
        names = (*_ALWAYS_PASSED, *aware.env_vars)
        environment.update((await call_environment_socket(EnvironmentSocketRequest(names))).environment)
    if request.fetches:
        registries = canonical_json.dumps(registry_settings(configured)).decode()
        key = hashlib.sha256(request.request).hexdigest()[:32]
        environment_from_socket = await call_persistent_environment_socket(
            PersistentEnvironmentSocketRequest(key, (*_ALWAYS_PASSED, *aware.env_vars), registries)
        )
        environment.update(environment_from_socket.environment)
    tool = await call_set_up_tool(ProgramRequest())
    request_digest = await create_digest(CreateDigest([FileContent(protocol.REQUEST, request.request)]))
    digest = await merge_digests(MergeDigests((request_digest, request.inputs)))
    process = await setup_venv_pex_process(
        VenvPexProcess(
            tool.venv_pex,
            argv=(request.command.name, protocol.REQUEST),
            extra_env=environment,
            input_digest=digest,
            output_files=(*request.command.outputs, *request.output_files),
            output_directories=request.output_directories,
            description=printable(request.description),
            level=request.level,
            cache_scope=ProcessCacheScope.PER_SESSION if request.network else ProcessCacheScope.SUCCESSFUL,
            append_only_caches=_MEMORY,
        ),
        **implicitly(),
    )
    return SetUpProcess(replace(process, remote_cache_speculation_delay_millis=CACHE_FIRST_MILLIS), tool.launcher)


call_setup_process = by_name(setup_ocikit_process, SetUpProcess, OcikitProcess)


@dataclass(frozen=True)
class FinishedOcikit:
    """The result of a call, whatever its exit code."""

    result: FallibleProcessResult


@dataclass(frozen=True)
class OcikitHere:
    """Call ocikit on this machine, even if Pants is configured to run processes elsewhere."""

    request: OcikitProcess


@rule(desc="Run ocikit on this machine", level=LogLevel.TRACE)
async def run_here(here: OcikitHere, keep_sandboxes: KeepSandboxes) -> FinishedOcikit:
    set_up = await call_setup_process(here.request)
    result = await execute_process_in(set_up.ready(), execution_on_this_machine(keep_sandboxes))
    return FinishedOcikit(result)


call_run_here = by_name_in_environment(run_here, FinishedOcikit, OcikitHere)


# Not a rule: every layer depends on it, and Pants checks each rule even in a run that changes nothing.
async def _run(request: OcikitProcess) -> FallibleProcessResult:
    if request.network or request.fetches or request.here:
        # The credentials and the bytes are on this machine, whatever the environment of the image.
        local = await resolve_environment_name(
            EnvironmentNameRequest(LOCAL_ENVIRONMENT_MATCHER, "processes that must run on this machine"), **implicitly()
        )
        finished = await call_run_here(**implicitly({OcikitHere(request): OcikitHere, local: EnvironmentName}))
        here: FallibleProcessResult = finished.result
        return here
    set_up = await call_setup_process(request)
    return await execute_process(set_up.ready(), **implicitly())


@dataclass(frozen=True)
class OcikitOutput:
    """The output files of a successful call."""

    digest: Digest


@rule(desc="Run ocikit", level=LogLevel.TRACE)
async def run_ocikit(request: OcikitProcess, keep_sandboxes: KeepSandboxes) -> OcikitOutput:
    result = await _run(request)
    if result.exit_code:
        raise ProcessExecutionFailure(
            result.exit_code,
            _printable(result.stdout),
            _printable(result.stderr),
            printable(request.description),
            keep_sandboxes=keep_sandboxes,
        )
    return OcikitOutput(result.output_digest)


call_ocikit = by_name(run_ocikit, OcikitOutput, OcikitProcess)


@dataclass(frozen=True)
class OcikitAnswer:
    """The JSON in the only output file of a call."""

    data: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return canonical_json.loads_object(self.data, "the answer of ocikit", max_size=None)


@rule(desc="Run ocikit and read its answer", level=LogLevel.TRACE)
async def ask_ocikit(request: OcikitProcess) -> OcikitAnswer:
    output = await call_ocikit(request)
    contents = await get_digest_contents(output.digest)
    return OcikitAnswer(contents[0].content)


call_ask_ocikit = by_name(ask_ocikit, OcikitAnswer, OcikitProcess)


@dataclass(frozen=True)
class TriedOcikit:
    """The output files of a call, and its error message if it failed."""

    digest: Digest
    problem: str | None


@rule(desc="Try to run ocikit", level=LogLevel.TRACE)
async def try_ocikit(request: OcikitProcess) -> TriedOcikit:
    result = await _run(request)
    stderr = result.stderr.decode(errors="replace").strip()
    return TriedOcikit(result.output_digest, _message(stderr) if result.exit_code else None)


call_try_ocikit = by_name(try_ocikit, TriedOcikit, OcikitProcess)


def _message(stderr: str) -> str:
    """The error message of ocikit without its prefix, or all of `stderr` if something else wrote it. One line."""
    _, mark, message = stderr.rpartition("ocikit: ")
    return "; ".join(filter(None, map(str.strip, (message if mark else stderr).split("\n"))))


def _printable(stream: bytes) -> bytes:
    """Escape control characters: errors of Python itself, unlike those of ocikit, contain them."""
    return printable_lines(stream.decode(errors="replace").split("\n")).encode()


def rules() -> Iterable[object]:
    return collect_rules()

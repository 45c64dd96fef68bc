"""How a sandbox runs ocikit: a command, a request as JSON, files; and on which machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pants.backend.python.util_rules.pex import VenvPexProcess
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.environment import LOCAL_ENVIRONMENT_MATCHER, EnvironmentName
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope, ProcessExecutionFailure
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import KeepSandboxes
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.printable import printable, printable_lines
from pants_oci.compat import (
    EnvironmentNameRequest,
    by_name,
    by_name_in_environment,
    create_digest,
    environment_vars_subset,
    execute_process,
    execute_process_in,
    execution_on_this_machine,
    get_digest_contents,
    implicitly,
    merge_digests,
    resolve_environment_name,
    setup_venv_pex_process,
)
from pants_oci.steps.configured_registries import ConfiguredRegistries
from pants_oci.steps.handed_over import (
    MEMORY_CACHE,
    MEMORY_DIRECTORY,
    HandOverForGoodRequest,
    HandOverRequest,
    call_hand_over,
    call_hand_over_for_good,
)
from pants_oci.steps.ocikit_tool import ToolRequest, call_set_up_tool
from pants_oci.steps.registry_settings import registry_settings
from pants_oci.steps.starter import Starter
from pants_oci.subsystem import OciSubsystem

REQUEST_FILE = "request.json"
# The folder of the sandbox that layers' files and images' blobs are put in: nothing in it can shadow a module.
INPUT_DIRECTORY = "input"

# How long a remote cache is waited for before the process is started beside the question. That it runs is seldom worth
# it: its input may be in the remote cache only, and would be fetched for nothing.
CACHE_FIRST_MILLIS = 5000

# Where processes that speak to registries remember what they saw.
_MEMORY = FrozenDict({MEMORY_CACHE: MEMORY_DIRECTORY})

# Where credentials and their helpers are found, and container engines; the values are paths, never secrets.
_ALWAYS_PASSED = (
    *("DOCKER_CONFIG", "HOME", "PATH", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"),
    *("DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_CONNECTION", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
)


@dataclass(frozen=True)
class OcikitProcess:
    """A call of `python -m ocikit COMMAND request.json` in a sandbox that has `inputs` below `input/`."""

    command: str
    request: bytes = field(repr=False)
    inputs: Digest
    description: str
    output_files: tuple[str, ...] = ()
    # Speaks to registries: gets the environment this needs, and its answer holds for this run only.
    network: bool = False
    # Speaks to registries about what a digest names: its answer holds for ever, whoever asked and however.
    fetches: bool = False
    # Writes what this machine is to have: no worker is sent the bytes it is made of.
    here: bool = False
    level: LogLevel = LogLevel.INFO


@dataclass(frozen=True)
class SetUpProcess:
    """A process, and what must be there before it runs."""

    process: Process
    starter: Starter | None

    def ready(self) -> Process:
        if self.starter:
            self.starter.put()
        return self.process


@rule(desc="Set up a process of ocikit", level=LogLevel.DEBUG)
async def setup_ocikit_process(
    request: OcikitProcess,
    configured: ConfiguredRegistries,
    aware: OciSubsystem.EnvironmentAware,
) -> SetUpProcess:
    environment: dict[str, str] = {}
    if request.network:
        environment.update(await environment_vars_subset(EnvironmentVarsRequest(_ALWAYS_PASSED), **implicitly()))
        environment.update((await call_hand_over(HandOverRequest(aware.env_vars))).environment)
    if request.fetches:
        registries = ocikit.canonical_json.dumps(registry_settings(configured)).decode()
        key = hashlib.sha256(request.request).hexdigest()[:32]
        told = await call_hand_over_for_good(
            HandOverForGoodRequest(key, (*_ALWAYS_PASSED, *aware.env_vars), registries)
        )
        environment.update(told.environment)
    tool = await call_set_up_tool(ToolRequest())
    request_digest = await create_digest(CreateDigest([FileContent(REQUEST_FILE, request.request)]))
    digest = await merge_digests(MergeDigests((request_digest, request.inputs)))
    process = await setup_venv_pex_process(
        VenvPexProcess(
            tool.venv_pex,
            argv=(request.command, REQUEST_FILE),
            extra_env=environment,
            input_digest=digest,
            output_files=request.output_files,
            description=printable(request.description),
            level=request.level,
            cache_scope=ProcessCacheScope.PER_SESSION if request.network else ProcessCacheScope.SUCCESSFUL,
            append_only_caches=_MEMORY,
        ),
        **implicitly(),
    )
    return SetUpProcess(replace(process, remote_cache_speculation_delay_millis=CACHE_FIRST_MILLIS), tool.starter)


call_setup_process = by_name(setup_ocikit_process, SetUpProcess, OcikitProcess)


@dataclass(frozen=True)
class FinishedOcikit:
    """What became of a call."""

    result: FallibleProcessResult


@dataclass(frozen=True)
class OcikitHere:
    """Call ocikit on this machine, even if Pants was told to run processes elsewhere."""

    request: OcikitProcess


@rule(desc="Run ocikit on this machine", level=LogLevel.TRACE)
async def run_here(here: OcikitHere, keep_sandboxes: KeepSandboxes) -> FinishedOcikit:
    set_up = await call_setup_process(here.request)
    result = await execute_process_in(set_up.ready(), execution_on_this_machine(keep_sandboxes))
    return FinishedOcikit(result)


call_run_here = by_name_in_environment(run_here, FinishedOcikit, OcikitHere)


# No rule, as it stands below every layer: what Pants looks through in a run that changes nothing is kept short.
async def _run(request: OcikitProcess) -> FallibleProcessResult:
    if request.network or request.fetches or request.here:
        # Where the credentials are, and the bytes, whatever environment an image asks for.
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
    """What a call left behind: its output files."""

    digest: Digest


@rule(desc="Run ocikit to its end", level=LogLevel.TRACE)
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
    """What a call wrote into its only output file, as JSON."""

    data: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return ocikit.canonical_json.loads_object(self.data, "the answer of ocikit", max_size=None)


@rule(desc="Ask ocikit", level=LogLevel.TRACE)
async def ask_ocikit(request: OcikitProcess) -> OcikitAnswer:
    output = await call_ocikit(request)
    contents = await get_digest_contents(output.digest)
    return OcikitAnswer(contents[0].content)


call_ask_ocikit = by_name(ask_ocikit, OcikitAnswer, OcikitProcess)


@dataclass(frozen=True)
class TriedOcikit:
    """What a call left behind, or, where it failed, what it said."""

    digest: Digest
    problem: str | None


@rule(desc="Try to run ocikit", level=LogLevel.TRACE)
async def try_ocikit(request: OcikitProcess) -> TriedOcikit:
    result = await _run(request)
    said = result.stderr.decode(errors="replace").strip()
    return TriedOcikit(result.output_digest, _message(said) if result.exit_code else None)


call_try_ocikit = by_name(try_ocikit, TriedOcikit, OcikitProcess)


def _message(said: str) -> str:
    """A failure in ocikit's own words, without its name in front; all there is where it is in others'. One line."""
    _, mark, message = said.rpartition("ocikit: ")
    return "; ".join(filter(None, map(str.strip, (message if mark else said).split("\n"))))


def _printable(stream: bytes) -> bytes:
    """Should Python itself have to say what is wrong, it does that in raw characters."""
    return printable_lines(stream.decode(errors="replace").split("\n")).encode()


def rules() -> Iterable[object]:
    return collect_rules()

"""How a sandbox runs ocikit: a PEX of its requirements and sources, so a new version of it is another cache key."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules.pex import PexRequest, VenvPexProcess
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import (
    by_name,
    create_digest,
    create_venv_pex,
    environment_vars_subset,
    execute_process,
    execute_process_or_raise,
    get_digest_contents,
    implicitly,
    merge_digests,
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
from pants_oci.steps.registry_settings import registry_settings
from pants_oci.subsystem import Ocikit, OciSubsystem

REQUEST_FILE = "request.json"
# The folder of the sandbox that layers' files and images' blobs are put in: nothing in it can shadow a module.
INPUT_DIRECTORY = "input"

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
    output_directories: tuple[str, ...] = ()
    # Speaks to registries: gets the environment this needs, and its answer holds for this run only.
    network: bool = False
    # Speaks to registries about what a digest names: its answer holds for ever, whoever asked and however.
    fetches: bool = False
    level: LogLevel = LogLevel.INFO


@dataclass(frozen=True)
class LibrarySources:
    """The sources of ocikit, as they are in the running plugin."""

    digest: Digest


@rule(desc="Read the sources of ocikit", level=LogLevel.TRACE)
async def library_sources() -> LibrarySources:
    files = _library_files(Path(str(importlib.resources.files("ocikit"))))
    digest = await create_digest(CreateDigest(files))
    return LibrarySources(digest)


@rule(desc="Set up ocikit", level=LogLevel.DEBUG)
async def setup_ocikit_process(
    request: OcikitProcess,
    tool: Ocikit,
    sources: LibrarySources,
    configured: ConfiguredRegistries,
    aware: OciSubsystem.EnvironmentAware,
) -> Process:
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
    # The tool's own constraints: a repository without Python code has set none of its own.
    pex_request = tool.to_pex_request(
        interpreter_constraints=tool.interpreter_constraints,
        main=EntryPoint("ocikit"),
        sources=sources.digest,
    )
    venv_pex = await create_venv_pex(**implicitly({pex_request: PexRequest}))
    request_digest = await create_digest(CreateDigest([FileContent(REQUEST_FILE, request.request)]))
    digest = await merge_digests(MergeDigests((request_digest, request.inputs)))
    cache_scope = ProcessCacheScope.PER_SESSION if request.network else ProcessCacheScope.SUCCESSFUL
    process: Process = await setup_venv_pex_process(
        VenvPexProcess(
            venv_pex,
            argv=(request.command, REQUEST_FILE),
            extra_env=environment,
            input_digest=digest,
            output_files=request.output_files,
            output_directories=request.output_directories,
            description=request.description,
            level=request.level,
            cache_scope=cache_scope,
            append_only_caches=_MEMORY if request.network or request.fetches else None,
        ),
        **implicitly(),
    )
    return process


call_setup_process = by_name(setup_ocikit_process, Process, OcikitProcess)


@dataclass(frozen=True)
class OcikitOutput:
    """What a call left behind: its output files and directories."""

    digest: Digest


@rule(desc="Run ocikit", level=LogLevel.TRACE)
async def run_ocikit(request: OcikitProcess) -> OcikitOutput:
    process = await call_setup_process(request)
    result = await execute_process_or_raise(**implicitly({process: Process}))
    return OcikitOutput(result.output_digest)


call_ocikit = by_name(run_ocikit, OcikitOutput, OcikitProcess)


@dataclass(frozen=True)
class OcikitAnswer:
    """What a call wrote into its only output file, as JSON."""

    data: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return ocikit.canonical_json.loads_object(self.data, "the answer of ocikit")


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
    process = await call_setup_process(request)
    result = await execute_process(**implicitly({process: Process}))
    said = result.stderr.decode(errors="replace").strip()
    return TriedOcikit(result.output_digest, _message(said) if result.exit_code else None)


call_try_ocikit = by_name(try_ocikit, TriedOcikit, OcikitProcess)


def _message(said: str) -> str:
    """A failure in ocikit's own words, without its name in front; all there is where it is in others'."""
    _, mark, message = said.rpartition("ocikit: ")
    return message if mark else said


def _library_files(root: Path) -> tuple[FileContent, ...]:
    """Every module of the library but its tests and test doubles, which no sandbox needs."""
    return tuple(
        FileContent(f"ocikit/{path.relative_to(root)}", path.read_bytes())
        for path in sorted(root.rglob("*.py"))
        if not path.name.endswith("_test.py") and "testing" not in path.relative_to(root).parts
    )


def rules() -> Iterable[object]:
    return collect_rules()

"""Run a user's own tool as a process of a Pants goal, with the terminal and environment of the caller."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import AddPrefix, Digest, DigestEntries, FileEntry
from pants.engine.internals.session import SessionValues
from pants.engine.process import InteractiveProcess
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import add_prefix, by_name, get_digest_entries
from pants_oci.debug_hints import OfAddress
from pants_oci.errors import OciTargetError
from pants_oci.sandbox.environment_socket import (
    EnvironmentSocket,
    WholeEnvironmentRequest,
    call_whole_environment,
)
from pants_oci.sandbox.process import OcikitProcess, call_setup_process


@dataclass(frozen=True)
class FindToolRequest(OfAddress):
    """Find the program that a command starts with, for the target at `address`."""

    address: Address
    tool: str


@dataclass(frozen=True)
class FoundTool:
    """`path` is relative if the tool is a file of the deployment."""

    path: str


# Uncacheable, because the PATH and the programs on it may change.
@_uncacheable_rule(desc="Find the tool that applies a deployment", level=LogLevel.DEBUG)
async def find_tool(request: FindToolRequest, session: SessionValues) -> FoundTool:
    tool = request.tool
    if os.path.dirname(tool) and not os.path.isabs(tool):
        return FoundTool(tool)
    path = session[CompleteEnvironmentVars].get("PATH", os.defpath)
    found = _on_path(tool, path)
    if not found:
        where = "" if os.path.isabs(tool) else f" on the PATH ({path})"
        raise OciTargetError(
            request.address,
            f'expected "{tool}" to apply it, found none{where}. Nothing was published. Install it, or set the PATH.',
        )
    return FoundTool(found)


call_find_tool = by_name(find_tool, FoundTool, FindToolRequest)


@dataclass(frozen=True)
class RunToolRequest(OfAddress):
    """Run `words` in `folder` among the files of `inputs`, for the target at `address`."""

    address: Address
    words: tuple[str, ...]
    folder: str
    inputs: Digest


@dataclass(frozen=True)
class ToolProcess:
    """`process` has its environment only while `environment` lives."""

    process: InteractiveProcess
    environment: EnvironmentSocket


# Uncacheable, because the path of the tool and its environment are.
@_uncacheable_rule(desc="Set up the tool that applies a deployment", level=LogLevel.DEBUG)
async def tool_process(request: RunToolRequest) -> ToolProcess:
    found = await call_find_tool(FindToolRequest(request.address, request.words[0]))
    if not os.path.isabs(found.path):
        _check_own_tool(request, await get_digest_entries(request.inputs))
    inputs = await add_prefix(AddPrefix(request.inputs, protocol.INPUT))
    document = {"path": found.path, "words": request.words, "folder": request.folder}
    set_up = await call_setup_process(
        OcikitProcess(protocol.TOOL, canonical_json.dumps(document), inputs, f"Apply {request.address}")
    )
    process = set_up.ready()
    environment = await call_whole_environment(WholeEnvironmentRequest())
    interactive = InteractiveProcess(
        process.argv,
        env={**process.env, **environment.environment},
        input_digest=process.input_digest,
        append_only_caches=process.append_only_caches,
        immutable_input_digests=process.immutable_input_digests,
    )
    return ToolProcess(interactive, environment)


call_tool_process = by_name(tool_process, ToolProcess, RunToolRequest)


def _on_path(tool: str, path: str) -> str | None:
    """Look `tool` up on the PATH, which may have folders relative to the working directory of Pants."""
    found = shutil.which(tool, path=path)
    return os.path.abspath(found) if found else None


def _check_own_tool(request: RunToolRequest, entries: DigestEntries) -> None:
    tool = request.words[0]
    place = os.path.normpath(os.path.join(request.folder, tool))
    found = next((entry for entry in entries if isinstance(entry, FileEntry) and entry.path == place), None)
    if not found:
        raise OciTargetError(
            request.address,
            f'the `command` is "{tool}", relative to the target\'s folder, but the deployment has no such file. '
            "Add its `files` target to `dependencies`.",
        )
    if not found.is_executable:
        raise OciTargetError(request.address, f'the `command` is "{tool}", which is not executable: `chmod +x` it.')


def rules() -> Iterable[object]:
    return collect_rules()

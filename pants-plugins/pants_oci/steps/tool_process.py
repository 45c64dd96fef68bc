"""A user's own tool, as a process of Pants's goal: with the terminal, and the environment of who called Pants."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import AddPrefix, Digest, FileEntry
from pants.engine.internals.session import SessionValues
from pants.engine.process import InteractiveProcess
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import add_prefix, by_name, get_digest_entries
from pants_oci.errors import OciTargetError
from pants_oci.steps.handed_over import HandedOver, HandOverEverythingRequest, call_hand_over_everything
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY, OcikitProcess, call_setup_process


@dataclass(frozen=True)
class ToolRequest(EngineAwareParameter):
    """Run `words` in `folder` among the files of `inputs`, for the target at `address`."""

    address: Address
    words: tuple[str, ...]
    folder: str
    inputs: Digest

    def debug_hint(self) -> str:
        return str(self.address)


@dataclass(frozen=True)
class ToolProcess:
    """`process` has its environment only while `environment` lives."""

    process: InteractiveProcess
    environment: HandedOver


# Uncacheable: the next time the tool may be gone from the PATH, and the PATH may be another one.
@_uncacheable_rule(desc="Find what applies a deployment", level=LogLevel.DEBUG)
async def tool_process(request: ToolRequest, session: SessionValues) -> ToolProcess:
    tool = request.words[0]
    if os.path.dirname(tool) and not os.path.isabs(tool):
        entries = await get_digest_entries(request.inputs)
        path = _own_tool(request, [entry for entry in entries if isinstance(entry, FileEntry)])
    else:
        path = _found_tool(request, session[CompleteEnvironmentVars].get("PATH", os.defpath))
    inputs = await add_prefix(AddPrefix(request.inputs, INPUT_DIRECTORY))
    document = {"path": path, "words": request.words, "folder": request.folder}
    process = await call_setup_process(
        OcikitProcess("tool", ocikit.canonical_json.dumps(document), inputs, f"Apply {request.address}")
    )
    environment = await call_hand_over_everything(HandOverEverythingRequest())
    interactive = InteractiveProcess(
        process.argv,
        env={**process.env, **environment.environment},
        input_digest=process.input_digest,
        append_only_caches=process.append_only_caches,
        immutable_input_digests=process.immutable_input_digests,
    )
    return ToolProcess(interactive, environment)


call_tool_process = by_name(tool_process, ToolProcess, ToolRequest)


def _own_tool(request: ToolRequest, files: Sequence[FileEntry]) -> str:
    """One that is a file of the deployment."""
    tool = request.words[0]
    place = os.path.normpath(os.path.join(request.folder, tool))
    found = next((file for file in files if file.path == place), None)
    if not found:
        raise OciTargetError(
            request.address,
            f'the `command` is "{tool}", a path from the target\'s folder, and no such file is in the deployment. '
            "Name its `files` target in `dependencies`.",
        )
    if not found.is_executable:
        raise OciTargetError(request.address, f'the `command` is "{tool}", which may not be executed: `chmod +x` it.')
    return tool


def _found_tool(request: ToolRequest, path: str) -> str:
    """One that is on this machine. Paths on the PATH may be relative to where Pants was called."""
    tool = request.words[0]
    found = shutil.which(tool, path=path)
    if not found:
        where = "" if os.path.isabs(tool) else f" on the PATH ({path})"
        raise OciTargetError(
            request.address,
            f'wanted "{tool}" to apply it, found none{where}. Nothing was published. Install it, or set the PATH.',
        )
    return os.path.abspath(found)


def rules() -> Iterable[object]:
    return collect_rules()

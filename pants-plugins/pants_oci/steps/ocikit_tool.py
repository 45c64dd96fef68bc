"""The program that runs in sandboxes: a PEX of ocikit's requirements and sources, so a new one is another cache key."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pants.backend.python.target_types import EntryPoint, PexLayout
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileContent, PathGlobs
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.engine.rules import collect_rules, rule
from pants.engine.unions import UnionMembership
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from pants_oci.compat import (
    EnvironmentTarget,
    by_name,
    create_digest,
    create_venv_pex,
    digest_subset_to_digest,
    get_digest_contents,
    implicitly,
)
from pants_oci.steps.ocikit_python import tool_constraints
from pants_oci.steps.starter import Starter, is_of_this_machine, starter
from pants_oci.subsystem import Ocikit


@dataclass(frozen=True)
class LibrarySources:
    """The sources of ocikit, as they are in the running plugin."""

    digest: Digest


@rule(desc="Read the sources of ocikit", level=LogLevel.TRACE)
async def library_sources() -> LibrarySources:
    files = _library_files(Path(str(importlib.resources.files("ocikit"))))
    digest = await create_digest(CreateDigest(files))
    return LibrarySources(digest)


@dataclass(frozen=True)
class ToolRequest:
    """Set up ocikit where its processes are to run."""


@dataclass(frozen=True)
class Tool:
    """ocikit in a PEX, as it is on every machine that has the same Python, and what starts it.

    `starter`: only where this machine runs it by itself.
    """

    venv_pex: VenvPex
    starter: Starter | None


@rule(desc="Set up ocikit", level=LogLevel.DEBUG)
async def set_up_tool(
    _: ToolRequest,
    tool: Ocikit,
    sources: LibrarySources,
    options: GlobalOptions,
    environment: ProcessExecutionEnvironment,
    environment_target: EnvironmentTarget,
    unions: UnionMembership,
) -> Tool:
    pex_request = replace(
        tool.to_pex_request(
            # The tool's own constraints: a repository without Python code has set none of its own.
            interpreter_constraints=await tool_constraints(tool, environment_target, unions),
            main=EntryPoint("ocikit"),
            sources=sources.digest,
        ),
        # One file: some caches do not answer for directories that Pants has stored.
        layout=PexLayout.ZIPAPP,
    )
    venv_pex = await create_venv_pex(**implicitly({pex_request: PexRequest}))
    if not is_of_this_machine(environment):
        return Tool(venv_pex, None)
    pex_path, script_path = venv_pex.pex_filename, venv_pex.pex.argv0.removeprefix("./")
    wanted = await digest_subset_to_digest(DigestSubset(venv_pex.digest, PathGlobs([pex_path, script_path])))
    contents = {content.path: content.content for content in await get_digest_contents(wanted)}
    pex = with_usual_modes(contents[pex_path])
    found = starter(hashlib.sha256(pex).hexdigest(), contents[script_path].decode(), options)
    digest = await create_digest(
        CreateDigest([FileContent(pex_path, pex, is_executable=True), found.link(script_path)])
    )
    return Tool(replace(venv_pex, digest=digest), found)


call_set_up_tool = by_name(set_up_tool, Tool, ToolRequest)


def with_usual_modes(archive: bytes) -> bytes:
    """A zip whose files have the modes that umask 022 gives: Pex writes those that the umask of its caller gives."""
    stream = io.BytesIO(archive)
    with zipfile.ZipFile(stream, "a") as opened:
        for info in opened.infolist():
            mode = info.external_attr >> 16
            usual = mode & ~0o077 | (mode & 0o500) >> 3 | (mode & 0o500) >> 6
            info.external_attr = usual << 16 | info.external_attr & 0xFFFF
        # Whereupon the list of files is written anew, and nothing else.
        opened.comment = b""
    return stream.getvalue()


def _library_files(root: Path) -> tuple[FileContent, ...]:
    """Every module of the library but its tests and test doubles, which no sandbox needs."""
    return tuple(
        FileContent(f"ocikit/{path.relative_to(root)}", path.read_bytes())
        for path in sorted(root.rglob("*.py"))
        if not path.name.endswith("_test.py") and "testing" not in path.relative_to(root).parts
    )


def rules() -> Iterable[object]:
    return collect_rules()

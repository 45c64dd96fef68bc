"""The PEX that runs in sandboxes, with ocikit's requirements and sources. A new version has a new cache key."""

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
from pants_oci.sandbox.interpreter import tool_constraints
from pants_oci.sandbox.launcher import Launcher, is_of_this_machine, launcher
from pants_oci.subsystem import Ocikit


@dataclass(frozen=True)
class LibrarySources:
    """The sources of ocikit in the running plugin."""

    digest: Digest


@rule(desc="Read the sources of ocikit", level=LogLevel.TRACE)
async def library_sources() -> LibrarySources:
    files = _library_files(Path(str(importlib.resources.files("ocikit"))))
    digest = await create_digest(CreateDigest(files))
    return LibrarySources(digest)


@dataclass(frozen=True)
class ProgramRequest:
    """Set up ocikit in the environment of its processes."""


@dataclass(frozen=True)
class Tool:
    """ocikit in a PEX that is equal on all machines with the same Python, and the script that starts it.

    `launcher`: None if it runs in a container or on a worker.
    """

    venv_pex: VenvPex
    launcher: Launcher | None


@rule(desc="Set up ocikit", level=LogLevel.DEBUG)
async def set_up_tool(
    _: ProgramRequest,
    tool: Ocikit,
    sources: LibrarySources,
    options: GlobalOptions,
    environment: ProcessExecutionEnvironment,
    environment_target: EnvironmentTarget,
    unions: UnionMembership,
) -> Tool:
    pex_request = replace(
        tool.to_pex_request(
            # The tool has its own constraints, because a repository without Python code sets none.
            interpreter_constraints=await tool_constraints(tool, environment_target, unions),
            main=EntryPoint("ocikit"),
            sources=sources.digest,
        ),
        # One file, because some remote caches do not return directories that Pants has stored.
        layout=PexLayout.ZIPAPP,
    )
    venv_pex = await create_venv_pex(**implicitly({pex_request: PexRequest}))
    if not is_of_this_machine(environment):
        return Tool(venv_pex, None)
    pex_path, script_path = venv_pex.pex_filename, venv_pex.pex.argv0.removeprefix("./")
    requested = await digest_subset_to_digest(DigestSubset(venv_pex.digest, PathGlobs([pex_path, script_path])))
    contents = {content.path: content.content for content in await get_digest_contents(requested)}
    pex = with_usual_modes(contents[pex_path])
    found = launcher(hashlib.sha256(pex).hexdigest(), contents[script_path].decode(), options)
    digest = await create_digest(
        CreateDigest([FileContent(pex_path, pex, is_executable=True), found.link(script_path)])
    )
    return Tool(replace(venv_pex, digest=digest), found)


call_set_up_tool = by_name(set_up_tool, Tool, ProgramRequest)


def with_usual_modes(archive: bytes) -> bytes:
    """Set the modes of files in a zip to those of umask 022, because Pex applies the umask of its caller."""
    stream = io.BytesIO(archive)
    with zipfile.ZipFile(stream, "a") as opened:
        for info in opened.infolist():
            mode = info.external_attr >> 16
            usual = mode & ~0o077 | (mode & 0o500) >> 3 | (mode & 0o500) >> 6
            info.external_attr = usual << 16 | info.external_attr & 0xFFFF
        # This makes `zipfile` rewrite the list of files, and nothing else.
        opened.comment = b""
    return stream.getvalue()


def _library_files(root: Path) -> tuple[FileContent, ...]:
    """Every module of the library except tests and test doubles, which no sandbox needs."""
    return tuple(
        FileContent(f"ocikit/{path.relative_to(root)}", path.read_bytes())
        for path in sorted(root.rglob("*.py"))
        if not path.name.endswith("_test.py") and "testing" not in path.relative_to(root).parts
    )


def rules() -> Iterable[object]:
    return collect_rules()

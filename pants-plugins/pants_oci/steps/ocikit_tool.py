"""The program that runs in sandboxes: a PEX of ocikit's requirements and sources, so a new one is another cache key."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pants.backend.python.target_types import EntryPoint, PexLayout
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileContent, MergeDigests, PathGlobs
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from pants_oci.compat import (
    by_name,
    create_digest,
    create_venv_pex,
    digest_subset_to_digest,
    get_digest_contents,
    implicitly,
    merge_digests,
)
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
) -> Tool:
    # The tool's own constraints: a repository without Python code has set none of its own.
    pex_request = replace(
        tool.to_pex_request(
            interpreter_constraints=tool.interpreter_constraints,
            main=EntryPoint("ocikit"),
            sources=sources.digest,
        ),
        # One file: some caches do not answer for directories that Pants has stored.
        layout=PexLayout.ZIPAPP,
    )
    venv_pex = await create_venv_pex(**implicitly({pex_request: PexRequest}))
    if not is_of_this_machine(environment):
        return Tool(venv_pex, None)
    script_path = venv_pex.pex.argv0
    pex = await digest_subset_to_digest(DigestSubset(venv_pex.digest, PathGlobs([venv_pex.pex_filename])))
    script = await digest_subset_to_digest(DigestSubset(venv_pex.digest, PathGlobs([script_path])))
    contents = await get_digest_contents(script)
    found = starter(pex.fingerprint, contents[0].content.decode(), options)
    link = await create_digest(CreateDigest([found.link(script_path)]))
    digest = await merge_digests(MergeDigests((pex, link)))
    return Tool(replace(venv_pex, digest=digest), found)


call_set_up_tool = by_name(set_up_tool, Tool, ToolRequest)


def _library_files(root: Path) -> tuple[FileContent, ...]:
    """Every module of the library but its tests and test doubles, which no sandbox needs."""
    return tuple(
        FileContent(f"ocikit/{path.relative_to(root)}", path.read_bytes())
        for path in sorted(root.rglob("*.py"))
        if not path.name.endswith("_test.py") and "testing" not in path.relative_to(root).parts
    )


def rules() -> Iterable[object]:
    return collect_rules()

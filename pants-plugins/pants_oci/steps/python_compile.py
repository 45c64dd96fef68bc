"""Modules are compiled for who wants faster starts: beside each source, trusted without a look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, CreateDigest, FileEntry, MergeDigests
from pants.engine.process import Process
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import (
    add_prefix,
    by_name,
    create_digest,
    execute_process_or_raise,
    find_interpreter,
    get_digest_entries,
    implicitly,
    merge_digests,
)
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY
from pants_oci.steps.parts import Part

# Up to 3.10, sets among a module's constants are written in the order of their hashes. `-I` would ignore this. The
# others are what the image of an environment may say otherwise.
COMPILE_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"PYTHONHASHSEED": "0", "PYTHONOPTIMIZE": "", "PYTHONPYCACHEPREFIX": "", "PYTHONUTF8": "1"}
)

# What a module is compiled to tells of each of its names and constants whether anything else in the process has it, a
# module that was imported at the start among them. So everything is held a second time.
_PROGRAM = """\
import compileall, importlib.machinery, types

held = []

class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, **options):
        held[:] = [super().source_to_code(data, path, **options)]
        for value in held:
            if isinstance(value, types.CodeType):
                held.extend(getattr(value, name) for name in dir(value) if name.startswith("co_"))
            elif isinstance(value, (tuple, frozenset)):
                held.extend(value)
        return held[0]

importlib.machinery.SourceFileLoader = Loader
# A test file of somebody in another Python's syntax fails, and is then just not compiled: not with `-m`, by whose exit
# code that looks as a crash does.
compileall.main()
"""


@dataclass(frozen=True)
class CompileRequest(EngineAwareParameter):
    """Add to `part`, which lies below `root` in the image, its modules compiled; only if `wanted`."""

    part: Part
    version: str
    root: str
    wanted: bool

    def debug_hint(self) -> str:
        return str(self.part.origin)


@rule(desc="Compile Python modules for an OCI image", level=LogLevel.DEBUG)
async def compile_modules(request: CompileRequest) -> Part:
    part = request.part
    folders = _folders(part)
    if not request.wanted or not folders:
        return part
    inputs = await add_prefix(AddPrefix(part.files, INPUT_DIRECTORY))
    python = await find_interpreter(InterpreterConstraints([f"CPython=={request.version}.*"]), **implicitly())
    process = Process(
        argv=(python.path, *compile_arguments(request.root, folders)),
        # Another Python at the same path compiles anew.
        env={**COMPILE_ENVIRONMENT, "FINGERPRINT": python.fingerprint},
        input_digest=inputs,
        # Where the sandbox's root is the file system's, `lib` is the system's.
        working_directory=INPUT_DIRECTORY,
        output_directories=folders,
        append_only_caches=python.append_only_caches,
        description=f"Compile modules of {part.origin}",
    )
    result = await execute_process_or_raise(**implicitly({process: Process}))
    entries = await get_digest_entries(result.output_digest)
    # Only what is new: in a sandbox, files above 512 KB look executable.
    known = {source.path for source in part.sources}
    compiled = [
        FileEntry(entry.path, entry.file_digest)
        for entry in entries
        if isinstance(entry, FileEntry) and entry.path.endswith(".pyc") and entry.path not in known
    ]
    digest = await create_digest(CreateDigest(compiled))
    files = await merge_digests(MergeDigests((part.files, digest)))
    sources = tuple(ocikit.Source(entry.path, str(part.origin)) for entry in compiled)
    return Part(part.origin, files, (*part.sources, *sources))


call_compiled = by_name(compile_modules, Part, CompileRequest)


def compile_arguments(root: str, folders: Iterable[str]) -> tuple[str, ...]:
    """What Python is called with, for modules of `folders` that will be below `root`."""
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-p", root)
    # Without `site`: what else is installed there has no say.
    return ("-S", "-W", "ignore", "-c", _PROGRAM, *options, *folders)


def _folders(part: Part) -> tuple[str, ...]:
    """The folders that modules are imported from."""
    tops = {source.path.split("/")[0] for source in part.sources if source.path.endswith(".py")}
    return tuple(sorted(tops & {"lib", "src"}))


def rules() -> Iterable[object]:
    return collect_rules()

"""Modules are compiled for who wants faster starts: beside each source, trusted without a look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, CreateDigest, FileEntry, MergeDigests, RemovePrefix
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.engine.process import Process
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import GlobalOptions
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.printable import printable
from pants_oci.compat import (
    add_prefix,
    by_name,
    create_digest,
    execute_process_or_raise,
    find_interpreter,
    get_digest_entries,
    implicitly,
    merge_digests,
    remove_prefix,
)
from pants_oci.steps.handed_over import MEMORY_CACHE, MEMORY_DIRECTORY
from pants_oci.steps.ocikit_process import CACHE_FIRST_MILLIS, INPUT_DIRECTORY
from pants_oci.steps.parts import Part
from pants_oci.steps.starter import is_of_this_machine, program, starter

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

# The interpreter, as a process finds it.
_PYTHON = "python"


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
async def compile_modules(
    request: CompileRequest, options: GlobalOptions, environment: ProcessExecutionEnvironment
) -> Part:
    part = request.part
    modules = _modules(part)
    if not request.wanted or not modules:
        return part
    python = await find_interpreter(InterpreterConstraints([f"CPython=={request.version}.*"]), **implicitly())
    arguments = compile_arguments(request.root, sorted({path.split("/")[0] for path in modules}))
    # Where a sandbox is the root of its file system, `lib` would be the system's.
    inputs = await add_prefix(AddPrefix(part.files, INPUT_DIRECTORY))
    interpreter, caches = python.path, python.append_only_caches
    if is_of_this_machine(environment):
        found = starter(f"python-{python.fingerprint}", program(python.path), options)
        found.put()
        link = await create_digest(CreateDigest([found.link(_PYTHON)]))
        inputs = await merge_digests(MergeDigests((inputs, link)))
        interpreter, caches = f"./{_PYTHON}", FrozenDict({**caches, MEMORY_CACHE: MEMORY_DIRECTORY})
    process = Process(
        argv=(interpreter, *arguments),
        # Another Python compiles anew.
        env={**COMPILE_ENVIRONMENT, "FINGERPRINT": python.fingerprint},
        input_digest=inputs,
        # Files, no directory: the sources are not stored once more, and some caches do not answer for directories.
        output_files=tuple(f"{INPUT_DIRECTORY}/{compiled_path(path, request.version)}" for path in modules),
        append_only_caches=caches,
        description=printable(f"Compile modules of {part.origin}"),
        remote_cache_speculation_delay_millis=CACHE_FIRST_MILLIS,
    )
    result = await execute_process_or_raise(**implicitly({process: Process}))
    output = await remove_prefix(RemovePrefix(result.output_digest, INPUT_DIRECTORY))
    entries = await get_digest_entries(output)
    # It has the mode of its source, which is another one in every sandbox.
    known = {source.path for source in part.sources}
    compiled = [
        FileEntry(entry.path, entry.file_digest)
        for entry in entries
        if isinstance(entry, FileEntry) and entry.path not in known
    ]
    digest = await create_digest(CreateDigest(compiled))
    files = await merge_digests(MergeDigests((part.files, digest)))
    sources = tuple(ocikit.Source(entry.path, str(part.origin)) for entry in compiled)
    return Part(part.origin, files, (*part.sources, *sources))


call_compiled = by_name(compile_modules, Part, CompileRequest)


def compile_arguments(root: str, folders: Iterable[str]) -> tuple[str, ...]:
    """What Python is called with, for modules of `folders` of the input that will be below `root`."""
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-s", INPUT_DIRECTORY, "-p", root)
    paths = (f"{INPUT_DIRECTORY}/{folder}" for folder in folders)
    # Without `site`: what else is installed there has no say.
    return ("-S", "-W", "ignore", "-c", _PROGRAM, *options, *paths)


def compiled_path(module: str, version: str) -> str:
    """Where CPython of a version looks for what a module was compiled to. Spec: PEP 3147."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/__pycache__/{name[: -len('.py')]}.cpython-{version.replace('.', '')}.pyc"


def _modules(part: Part) -> tuple[str, ...]:
    """Those in the folders that modules are imported from."""
    paths = (source.path for source in part.sources)
    return tuple(path for path in paths if path.endswith(".py") and path.startswith(("lib/", "src/")))


def rules() -> Iterable[object]:
    return collect_rules()

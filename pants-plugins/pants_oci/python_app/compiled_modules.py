"""Compile modules for faster starts. Python uses the result without a check of the source next to it."""

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
from ocikit.sandbox import protocol
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
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.sandbox.environment_socket import MEMORY_CACHE, MEMORY_DIRECTORY
from pants_oci.sandbox.launcher import is_of_this_machine, launcher, program
from pants_oci.sandbox.process import CACHE_FIRST_MILLIS

# Up to 3.10, sets among a module's constants are written in the order of their hashes. `-I` would ignore the seed. The
# image of an environment may set the other variables differently.
COMPILE_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"PYTHONHASHSEED": "0", "PYTHONOPTIMIZE": "", "PYTHONPYCACHEPREFIX": "", "PYTHONUTF8": "1"}
)

# A compiled module records for each name and constant whether anything else in the process refers to it, for example a
# module that was imported at the start. So the program keeps a second reference to each of them.
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
# A file in another Python's syntax, such as a test of a package, is not compiled, and that is not a failure. `-m` would
# exit with the same code as after a crash.
compileall.main()
"""

# The name of the interpreter in the sandbox.
_PYTHON = "python"


@dataclass(frozen=True)
class CompileRequest(EngineAwareParameter):
    """Add its compiled modules to `part`, which is below `root` in the image, but only if `enabled`."""

    part: LayerInput
    version: str
    root: str
    enabled: bool

    def debug_hint(self) -> str:
        return str(self.part.origin)


@rule(desc="Compile Python modules for an OCI image", level=LogLevel.DEBUG)
async def compile_modules(
    request: CompileRequest, options: GlobalOptions, environment: ProcessExecutionEnvironment
) -> LayerInput:
    part = request.part
    modules = _modules(part, request.version)
    if not request.enabled or not modules:
        return part
    python = await find_interpreter(InterpreterConstraints([f"CPython=={request.version}.*"]), **implicitly())
    arguments = compile_arguments(request.root, sorted({path.split("/")[0] for path in modules}))
    # If the sandbox is the root of its file system, `lib` would be the system's.
    inputs = await add_prefix(AddPrefix(part.files, protocol.INPUT))
    interpreter, caches = python.path, python.append_only_caches
    if is_of_this_machine(environment):
        found = launcher(f"python-{python.fingerprint}", program(python.path), options)
        found.put()
        link = await create_digest(CreateDigest([found.link(_PYTHON)]))
        inputs = await merge_digests(MergeDigests((inputs, link)))
        interpreter, caches = f"./{_PYTHON}", FrozenDict({**caches, MEMORY_CACHE: MEMORY_DIRECTORY})
    process = Process(
        argv=(interpreter, *arguments),
        # Another Python has another cache key.
        env={**COMPILE_ENVIRONMENT, "FINGERPRINT": python.fingerprint},
        input_digest=inputs,
        # Files, not a directory: the sources are not stored again, and some remote caches do not return directories.
        output_files=tuple(f"{protocol.INPUT}/{compiled_path(path, request.version)}" for path in modules),
        append_only_caches=caches,
        description=printable(f"Compile modules of {part.origin}"),
        remote_cache_speculation_delay_millis=CACHE_FIRST_MILLIS,
    )
    result = await execute_process_or_raise(**implicitly({process: Process}))
    output = await remove_prefix(RemovePrefix(result.output_digest, protocol.INPUT))
    entries = await get_digest_entries(output)
    # Drop the mode, which is that of the source and differs between sandboxes.
    known = {source.path for source in part.sources}
    compiled = [
        FileEntry(entry.path, entry.file_digest)
        for entry in entries
        if isinstance(entry, FileEntry) and entry.path not in known
    ]
    digest = await create_digest(CreateDigest(compiled))
    files = await merge_digests(MergeDigests((part.files, digest)))
    sources = tuple(ocikit.Source(entry.path, str(part.origin)) for entry in compiled)
    return LayerInput(part.origin, files, (*part.sources, *sources))


call_compiled = by_name(compile_modules, LayerInput, CompileRequest)


def compile_arguments(root: str, folders: Iterable[str]) -> tuple[str, ...]:
    """Python's arguments to compile the modules in `folders` of the input, which will be below `root`."""
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-s", protocol.INPUT, "-p", root)
    paths = (f"{protocol.INPUT}/{folder}" for folder in folders)
    # Without `site`, so that other installed packages have no effect.
    return ("-S", "-W", "ignore", "-c", _PROGRAM, *options, *paths)


def compiled_path(module: str, version: str) -> str:
    """The path at which CPython of a version looks for the compiled module. Spec: PEP 3147."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/__pycache__/{name[: -len('.py')]}.cpython-{version.replace('.', '')}.pyc"


def _modules(part: LayerInput, version: str) -> tuple[str, ...]:
    """The modules in the folders that Python imports from."""
    folders = (f"lib/python{version}/site-packages/", "src/")
    paths = (source.path for source in part.sources)
    return tuple(path for path in paths if path.endswith(".py") and path.startswith(folders))


def rules() -> Iterable[object]:
    return collect_rules()

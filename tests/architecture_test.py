"""Rules of the source tree that no type checker sees: allowed imports, and pure modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ocikit

ROOT = Path(__file__).resolve().parent.parent
OCIKIT = ROOT / "src" / "ocikit"
PANTS_OCI = ROOT / "pants-plugins" / "pants_oci"

# The folders and top-level modules of each package. One imports only itself and those before it.
OCIKIT_ORDER = (
    *("printable", "errors", "units", "whole_number", "interruption", "atomic_file", "program", "file_lock"),
    *("progress", "spec", "layer", "image", "store", "bases", "container_engine", "registry", "location", "python_app"),
    *("publish", "html_report", "inspect", "manifests", "migrate", "output", "sandbox", "cli", "__main__", "testing"),
)
PANTS_OCI_ORDER = (
    *("log", "errors", "debug_hints", "placeholders", "registry_keys", "compat", "subsystem", "registries", "targets"),
    *("target_addresses", "sandbox", "layers", "bases", "python_app", "images", "publish", "deploy"),
    *("dependency_inference", "goals", "register"),
)
# A newcomer follows a behaviour through the folders: at most so many of them, `register.py` left out.
MAX_LEVELS = 9

# Modules of ocikit that do input and output, or need more than the standard library. Every other module is pure: rules
# call it in the process of Pants. The name of a folder includes all of its modules.
IMPURE_MODULES = (
    *("__main__", "atomic_file", "cli", "container_engine", "file_lock", "interruption", "location", "output"),
    *(
        "program",
        "bases.archive_file",
        "bases.archived_image",
        "inspect.read",
        "manifests.scan",
        "manifests.yaml_events",
    ),
    *("testing", "layer.from_directory", "layer.received", "layer.tar", "layer.write"),
    *("publish.blob_sources", "publish.execute", "publish.stores", "publish.survey"),
    *("registry.body_streams", "registry.client", "registry.connection", "registry.connector", "registry.dial"),
    *("registry.credential_helper", "registry.credentials", "registry.network_errors", "registry.proxy"),
    *("registry.repository", "registry.retrying", "registry.tls", "registry.transport", "registry.upload"),
    *(
        "sandbox.bases",
        "sandbox.dispatch",
        "sandbox.distributions",
        "sandbox.engine",
        "sandbox.environment_socket",
        "sandbox.inspect",
    ),
    *("sandbox.layers", "sandbox.manifests", "sandbox.progress", "sandbox.publish", "sandbox.tool"),
    *("store.archive", "store.layout", "store.verify"),
)
# What a pure module must not even load: sockets, processes, and what sandboxes bring along.
IMPURE = ("socket", "ssl", "subprocess", "requests", "deflate", "zstandard", "ruamel")

MAX_LINES = 400
# Constructors of mutable objects.
MUTABLE = ("Counter", "OrderedDict", "WeakValueDictionary", "bytearray", "defaultdict", "deque", "dict", "list", "set")


def _sources(folder: Path, *, tests: bool = False) -> list[Path]:
    return [
        path for path in sorted(folder.rglob("*.py")) if tests or not path.name.endswith(("_test.py", "conftest.py"))
    ]


def _module(path: Path) -> str:
    name = ".".join(path.relative_to(OCIKIT.parent).with_suffix("").parts)
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


def _imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports anywhere; `from a import b` gives "a.b"."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_pure(module: str) -> bool:
    name = module.partition(".")[2]
    return not any(f"{name}.".startswith(f"{impure}.") for impure in IMPURE_MODULES)


PURE = [module for module in map(_module, _sources(OCIKIT)) if _is_pure(module)]


def _block(name: str) -> str:
    """The folder or top-level module of a package, for "package.block.module"; "" for the package itself."""
    return name.partition(".")[2].partition(".")[0]


def _blocks(package: Path) -> dict[str, set[str]]:
    """For each block of a package, the blocks that it imports."""
    found: dict[str, set[str]] = {}
    for path in _sources(package):
        own = path.relative_to(package).with_suffix("").parts[0]
        if own != "__init__":
            imported = {_block(name) for name in _imports(path) if name.startswith(f"{package.name}.")}
            found.setdefault(own, set()).update(imported & set(ORDERS[package]) - {own})
    return found


ORDERS = {OCIKIT: OCIKIT_ORDER, PANTS_OCI: PANTS_OCI_ORDER}


@pytest.mark.parametrize("package", ORDERS, ids=lambda package: package.name)
def test_a_folder_imports_only_those_before_it(package: Path) -> None:
    order, blocks = ORDERS[package], _blocks(package)
    assert set(order) == set(blocks)
    below = {block: set(order[order.index(block) + 1 :]) for block in order}
    assert {block: imported & below[block] for block, imported in blocks.items() if imported & below[block]} == {}


def test_the_folders_of_the_plugin_have_few_levels() -> None:
    blocks = _blocks(PANTS_OCI)
    levels: dict[str, int] = {}
    for block in PANTS_OCI_ORDER[:-1]:
        levels[block] = 1 + max((levels[imported] for imported in blocks[block]), default=0)
    assert max(levels.values()) <= MAX_LEVELS


def test_every_impure_module_is_there() -> None:
    modules = {_module(path).partition(".")[2] for path in _sources(OCIKIT)}
    assert [name for name in IMPURE_MODULES if name not in modules] == []


@pytest.mark.parametrize("path", _sources(OCIKIT, tests=True), ids=_module)
def test_ocikit_does_not_import_pants(path: Path) -> None:
    roots = {name.split(".")[0] for name in _imports(path)}
    assert roots & {"pants", "pants_oci"} == set()


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_loads_nothing_impure(name: str) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(OCIKIT.parent)!r}); sys.dont_write_bytecode = True; "
        f"import {name}; print(*[m for m in {IMPURE!r} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (found.stdout.strip(), found.stderr) == ("", "")


def test_ocikit_exports_what_it_imports() -> None:
    assert ocikit.__all__ == sorted(ocikit.__all__)
    imported = {
        alias.asname or alias.name
        for node in ast.parse((OCIKIT / "__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert imported == set(ocikit.__all__)


def test_the_names_of_ocikit_come_from_pure_modules() -> None:
    modules = {_module(path) for path in _sources(OCIKIT)}
    named = {
        name if name in modules else name.rpartition(".")[0]
        for name in _imports(OCIKIT / "__init__.py")
        if name.startswith("ocikit.")
    }
    assert named - set(PURE) == set()


@pytest.mark.parametrize("path", _sources(PANTS_OCI), ids=lambda path: str(path.relative_to(PANTS_OCI)))
def test_only_compat_detects_the_version_of_pants(path: Path) -> None:
    """Other modules neither query the version of Pants nor try an import."""
    if path.name == "compat.py":
        return
    asked = [name for name in _imports(path) if name.startswith(("pants.version", "packaging"))]
    tried = [
        node.lineno
        for attempt in ast.walk(ast.parse(path.read_text()))
        if isinstance(attempt, ast.Try)
        for node in ast.walk(attempt)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert (asked, tried) == ([], [])


@pytest.mark.parametrize("path", _sources(PANTS_OCI), ids=lambda path: str(path.relative_to(PANTS_OCI)))
def test_a_rule_calls_only_definitions_above_it(path: Path) -> None:
    """Pants inspects a rule's calls when the rule is defined, and ignores names that are not defined yet."""
    assert _called_before_defined(ast.parse(path.read_text())) == []


def _called_before_defined(tree: ast.Module) -> list[str]:
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            lines[node.targets[0].id] = node.lineno
    return [
        f"{caller.name} calls {call.func.id}"
        for caller in tree.body
        if isinstance(caller, ast.AsyncFunctionDef)
        for call in ast.walk(caller)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if lines.get(call.func.id, 0) > caller.lineno
    ]


def test_a_call_before_its_definition_is_found() -> None:
    source = "async def a():\n await call_b()\nasync def b(): ...\ncall_b = by_name(b)\nasync def c():\n await b()"
    assert _called_before_defined(ast.parse(source)) == ["a calls call_b"]


@pytest.mark.parametrize(
    "path",
    [*_sources(PANTS_OCI), *(path for path in _sources(OCIKIT) if _is_pure(_module(path)))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_module_has_state(path: Path) -> None:
    """Rules run in threads, in parallel on a Pants without a GIL, so shared objects must not change.

    `functools.lru_cache` is thread-safe, and a `cached_property` may be computed twice.
    """
    tree = ast.parse(path.read_text())
    kept = [
        node.lineno
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and _can_change(node.value)
        if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]
    assert kept + [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)] == []


def _can_change(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).split(".")[-1] in MUTABLE
    return isinstance(value, (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set, ast.SetComp))


@pytest.mark.parametrize(
    "source, can_change",
    [("{}", True), ("[1]", True), ("collections.deque()", True), ("(1, 2)", False), ("frozenset({1})", False)],
)
def test_mutable_objects_are_found(source: str, can_change: bool) -> None:
    assert _can_change(ast.parse(source, mode="eval").body) is can_change


@pytest.mark.parametrize("folder", [OCIKIT, PANTS_OCI, ROOT / "tests"], ids=lambda path: path.name)
def test_no_file_is_long(folder: Path) -> None:
    long = {path.name: lines for path in _sources(folder) if (lines := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}

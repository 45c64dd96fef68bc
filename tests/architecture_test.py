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

# Modules that rules may call: only the standard library, no IO.
PURE = (
    "ocikit",
    "ocikit.printable",
    "ocikit.errors",
    "ocikit.human",
    "ocikit.whole_number",
    "ocikit.progress",
    "ocikit.canonical_json",
    "ocikit.schema",
    "ocikit.media_type",
    "ocikit.digest",
    "ocikit.platform",
    "ocikit.reference",
    "ocikit.descriptor",
    "ocikit.config",
    "ocikit.settings",
    "ocikit.manifest",
    "ocikit.layer.layer",
    "ocikit.layer.entry",
    "ocikit.layer.placement",
    "ocikit.layer.limits",
    "ocikit.layer.compress",
    "ocikit.layer.tar_reader",
    "ocikit.layer.read",
    "ocikit.image",
    "ocikit.index",
    "ocikit.base",
    "ocikit.lock",
    "ocikit.python.interpreter",
    "ocikit.python.distributions",
    "ocikit.python.application",
    "ocikit.store",
    "ocikit.layout_index",
    "ocikit.base_choice",
    "ocikit.archived.members",
    "ocikit.archived.saved",
    "ocikit.registry.secret",
    "ocikit.registry.url",
    "ocikit.registry.address_policy",
    "ocikit.registry.reading",
    "ocikit.registry.traces",
    "ocikit.registry.scrubber",
    "ocikit.registry.exchange",
    "ocikit.registry.options",
    "ocikit.registry.failure",
    "ocikit.registry.challenge",
    "ocikit.registry.protocol",
    "ocikit.registry.traffic",
    "ocikit.registry.deadline",
    "ocikit.registry.wait_budget",
    "ocikit.registry.retry",
    "ocikit.registry.limiter",
    "ocikit.registry.auth",
    "ocikit.push.wanted",
    "ocikit.push.remote_state",
    "ocikit.push.steps",
    "ocikit.push.changes",
    "ocikit.push.outcome",
    "ocikit.push.holders",
    "ocikit.push.plan",
    "ocikit.push.travel",
    "ocikit.push.report",
    "ocikit.page.markup",
    "ocikit.page.images",
    "ocikit.page.bars",
    "ocikit.page.style",
    "ocikit.page.words",
    "ocikit.page.card",
    "ocikit.page.document",
    "ocikit.layer.files",
    "ocikit.looking.inspection",
    "ocikit.looking.comparison",
    "ocikit.deployment.image_address",
    "ocikit.deployment.scalar",
    "ocikit.deployment.places",
    "ocikit.deployment.look_alikes",
    "ocikit.deployment.pinned",
    "ocikit.moving.notes",
    "ocikit.moving.build_file",
    "ocikit.moving.dockerfile",
    "ocikit.moving.words",
    "ocikit.moving.glob",
    "ocikit.moving.ignore",
    "ocikit.moving.context",
    "ocikit.moving.image_tree",
    "ocikit.moving.stages",
    "ocikit.moving.image_settings",
    "ocikit.moving.layers",
    "ocikit.moving.advice",
    "ocikit.moving.convert",
    "ocikit.moving.build_reader",
    "ocikit.moving.docker_image",
    "ocikit.moving.backend_oci",
)
# Modules that a pure module must not load: sockets, processes, and dependencies of sandboxes.
IMPURE = ("socket", "ssl", "subprocess", "requests", "deflate", "zstandard", "ruamel")

# The blocks of ocikit. A block imports only itself and blocks above it. A name is a module or a package;
# the most specific one counts.
BLOCKS = (
    "ocikit.printable",
    "ocikit.errors",
    "ocikit.human",
    "ocikit.whole_number",
    "ocikit.progress",
    "ocikit.canonical_json",
    "ocikit.schema",
    "ocikit.media_type",
    "ocikit.digest",
    "ocikit.platform",
    "ocikit.reference",
    "ocikit.descriptor",
    "ocikit.config",
    "ocikit.settings",
    "ocikit.manifest",
    "ocikit.store",
    "ocikit.interruption",
    "ocikit.atomic_file",
    "ocikit.program",
    "ocikit.file_lock",
    "ocikit.layer",
    "ocikit.directory",
    "ocikit.image",
    "ocikit.index",
    "ocikit.base",
    "ocikit.lock",
    "ocikit.python",
    "ocikit.verify",
    "ocikit.layout_index",
    "ocikit.base_choice",
    "ocikit.layout",
    "ocikit.archive",
    "ocikit.archived",
    "ocikit.engine",
    "ocikit.registry",
    "ocikit.push",
    "ocikit.page",
    "ocikit.looking",
    "ocikit.deployment",
    "ocikit.moving",
    "ocikit.destination",
    "ocikit.cli",
    "ocikit.__main__",
    "ocikit.testing",
)

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


def _block(name: str) -> str | None:
    fitting = [block for block in BLOCKS if f"{name}.".startswith(f"{block}.")]
    return max(fitting, key=len, default=None)


def test_every_module_of_ocikit_is_in_a_block() -> None:
    names = {_module(path) for path in _sources(OCIKIT)} - {"ocikit"}
    assert {name for name in names if _block(name) is None} == set()
    assert {block for block in BLOCKS if not any(_block(n) == block for n in names)} == set()


@pytest.mark.parametrize("path", _sources(OCIKIT), ids=_module)
def test_a_block_imports_only_blocks_above_it(path: Path) -> None:
    own = _block(_module(path))
    if own is None:
        assert path == OCIKIT / "__init__.py"
        return
    below = BLOCKS[BLOCKS.index(own) + 1 :]
    assert [name for name in _imports(path) if _block(name) in below] == []


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
    [*_sources(PANTS_OCI), *(path for path in _sources(OCIKIT) if _module(path) in PURE)],
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

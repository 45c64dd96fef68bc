"""The sources of one release of Pants, from a git repository."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pants_versions.table import Rule
from pants_versions.used import bare

_ROOT = "src/python/"
_INTRINSICS = "src/rust/engine/src/intrinsics"
# The folders of the rules that a plugin can use.
_PYTHON = ("backend/python/goals", "backend/python/subsystems", "backend/python/util_rules")
_WITH_RULES = tuple(
    f"{_ROOT}pants/{folder}/" for folder in (*_PYTHON, "base", "core", "engine", "init", "option", "source", "vcs")
)
# `Intrinsic::new(types.product, types.input)`, or a literal with both fields.
_INTRINSIC = re.compile(r"Intrinsic::new\((?P<short>[^)]*)\)|product: (?P<long>.*?)\}", re.DOTALL)
_TYPE_OF_INTRINSIC = re.compile(r"types\.(\w+)")


def git(repository: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", repository, *arguments], stdout=subprocess.PIPE, check=True).stdout


@dataclass
class Release:
    """The files of Pants at `ref`, by their path."""

    repository: str
    ref: str
    files: dict[str, str] = field(init=False)
    _trees: dict[str, ast.Module] = field(default_factory=dict)

    def __post_init__(self) -> None:
        archive = io.BytesIO(git(self.repository, "archive", self.ref, "src/python/pants", "src/rust/engine/src"))
        with tarfile.open(fileobj=archive) as tar:
            self.files = {
                member.name: tar.extractfile(member).read().decode()  # type: ignore[union-attr]
                for member in tar
                if member.isfile()
                and (member.name.endswith((".py", ".pyi", "/VERSION")) or member.name.startswith(_INTRINSICS))
            }

    @property
    def version(self) -> str:
        return self.files[f"{_ROOT}pants/VERSION"].strip()

    def path(self, module: str) -> str | None:
        """The path of a module; None if it is neither Python nor has a stub."""
        stem = _ROOT + module.replace(".", "/")
        # If both exist, the `.pyi` describes the part written in Rust.
        places = (f"{stem}.pyi", f"{stem}.py", f"{stem}/__init__.py")
        return next((place for place in places if place in self.files), None)

    def is_package(self, module: str) -> bool:
        folder = f"{_ROOT}{module.replace('.', '/')}/"
        return any(path.startswith(folder) for path in self.files)

    def tree(self, path: str) -> ast.Module:
        if path not in self._trees:
            self._trees[path] = ast.parse(self.files[path], path)
        return self._trees[path]

    def definitions(self, module: str) -> dict[str, list[ast.stmt]]:
        """The top-level definitions of a module, branches included; the overloads of a name are in order."""
        path = self.path(module)
        found: dict[str, list[ast.stmt]] = {}
        for statement in _top_level(self.tree(path)) if path else ():
            for name in _defined(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the engine, the core and the Python backend."""
        found = list(_intrinsics(self))
        for path, text in self.files.items():
            if not (path.startswith(_WITH_RULES) and path.endswith(".py")) or path.endswith("_test.py"):
                continue
            if "rule" not in text:
                continue
            module = path[len(_ROOT) : -len(".py")].replace("/", ".")
            for node in ast.walk(self.tree(path)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_rule(node) and node.returns:
                    inputs = tuple(bare(ast.unparse(each.annotation)) for each in node.args.args if each.annotation)
                    found.append(Rule(f"{module}.{node.name}", inputs, bare(ast.unparse(node.returns))))
        return tuple(found)


def is_rule(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        ast.unparse(decorator).split("(")[0] in ("rule", "goal_rule", "_uncacheable_rule")
        for decorator in node.decorator_list
    )


def _intrinsics(release: Release) -> Iterator[Rule]:
    """The rules implemented in Rust; later releases also have them as Python functions."""
    text = "".join(text for path, text in release.files.items() if path.startswith(_INTRINSICS))
    scheduler = release.definitions("pants.engine.internals.scheduler")["Scheduler"][0]
    types = {"directory_digest": "Digest"}
    types.update(
        (str(keyword.arg), ast.unparse(keyword.value))
        for node in ast.walk(scheduler)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("PyTypes", "native_engine.PyTypes")
        for keyword in node.keywords
    )
    for match in _INTRINSIC.finditer(text):
        named = _TYPE_OF_INTRINSIC.findall(match["short"] or match["long"])
        # `PyTypes` does not list the types that Rust itself defines.
        product, *inputs = (types.get(name, name.title().replace("_", "")) for name in named)
        yield Rule("(engine)", tuple(inputs), product)


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    waiting = list(reversed(tree.body))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, (ast.If, ast.Try)):
            waiting.extend(reversed([*statement.body, *statement.orelse]))
        else:
            yield statement


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.split(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
    elif type(statement).__name__ == "TypeAlias":
        yield statement.name.id  # type: ignore[attr-defined]

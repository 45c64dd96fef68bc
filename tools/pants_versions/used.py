"""What `pants_oci` uses of Pants, read from its sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PANTS_OCI = Path(__file__).resolve().parents[2] / "pants-plugins" / "pants_oci"


def sources() -> dict[Path, ast.Module]:
    """The modules of `pants_oci`, without tests."""
    files = (path for path in sorted(PANTS_OCI.rglob("*.py")) if not path.name.endswith("_test.py"))
    return {path: ast.parse(path.read_text()) for path in files}


def imported(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Module and name of everything imported from Pants, and its name in `pants_oci`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pants":
            yield from ((str(node.module), alias.name, alias.asname or alias.name) for alias in node.names)


def members(tree: ast.AST) -> Iterator[str]:
    """Every name that may be a member: attributes that are read, and names that classes define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield part.name
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part.target.id
                elif isinstance(part, ast.Assign):
                    yield from (target.id for target in part.targets if isinstance(target, ast.Name))


@cache
def flags() -> dict[str, tuple[str, str]]:
    """The flags of `compat`: for each, the module and the name in it whose presence it tests."""
    tree = ast.parse((PANTS_OCI / "compat.py").read_text())
    called = {here: f"{module}.{name}" for module, name, here in imported(tree)}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            for call in (inner for inner in ast.walk(node.value) if isinstance(inner, ast.Call)):
                module = ast.unparse(call.args[0]).strip("'")
                place = called[module] + "." + ast.literal_eval(call.args[1]) if len(call.args) > 1 else module
                found[node.targets[0].id] = (place.rpartition(".")[0], place.rpartition(".")[2])
    return found


def bare(annotation: str) -> str:
    """`a.B` and `B[C]` and `"B"` are B."""
    return re.sub(r"\[.*", "", annotation.strip("'\"")).split(".")[-1]


@dataclass(frozen=True)
class Requirements:
    """The used `names` with their modules, `members` of any class, and the `types` requested from rules."""

    names: tuple[tuple[str, str], ...]
    members: frozenset[str]
    types: frozenset[str]


def requirements() -> Requirements:
    trees = sources().values()
    names = {(module, name) for tree in trees for module, name, _ in imported(tree)}
    names.update(flags().values())
    # If a whole module is imported, its names are the attributes that are read.
    called = {here: f"{module}.{name}" for tree in trees for module, name, here in imported(tree)}
    names.update(
        (called[node.value.id], node.attr)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called
    )
    return Requirements(
        tuple(sorted(names)),
        frozenset(member for tree in trees for member in members(tree)),
        frozenset(name for _, name in names),
    )

"""The public modules of ocikit: each says what it offers, explains it, and is in the docs that promise it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe
import pytest

from ocikit.testing import FakeRegistry
from reference.library import public_members, public_modules, public_names
from reference.pages import FOLDER
from reference.public_modules import PUBLIC_MODULES
from support.build_root import PROJECT
from support.markdown import fences

VERSIONING = PROJECT / "docs/versioning.md"
GUIDE = PROJECT / "docs/ocikit.md"
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
MODULES = {module.path: module for module in public_modules()}
# Where each public name is defined: "ocikit.spec.digest.Digest".
DEFINITIONS = {member.path for module in MODULES.values() for member in public_names(module)}


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_a_public_module_lists_its_names(name: str) -> None:
    module: Any = import_module(name)
    names = module.__all__
    assert names == sorted(set(names))
    assert [name for name in names if name.startswith("_") or not hasattr(module, name)] == []
    assert len(public_names(MODULES[name])) == len(names)


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_every_public_name_has_a_docstring(name: str) -> None:
    module = MODULES[name]
    found = [module, *_documented(module)]
    assert [member.path for member in found if not (member.docstring and member.docstring.value.strip())] == []


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_annotations_name_public_types_only(name: str) -> None:
    private = {
        f"{member.path}: {path}"
        for member in _documented(MODULES[name])
        for path in _types(member)
        if path.startswith("ocikit.") and path not in DEFINITIONS
    }
    assert private == set(), "Make the type public, or leave it out of the signature."


def test_the_reference_has_these_modules() -> None:
    text = (FOLDER / "ocikit.md").read_text()
    assert tuple(re.findall(r"(?m)^## `(ocikit[\w.]*)`$", text)) == PUBLIC_MODULES
    headings = re.findall(r"(?m)^### `(\w+)`$", text)
    assert sorted(headings) == sorted(definition.rpartition(".")[2] for definition in DEFINITIONS)


@pytest.mark.parametrize("page", [VERSIONING, GUIDE], ids=lambda page: page.name)
def test_a_page_lists_these_modules(page: Path) -> None:
    rows = re.findall(r"(?m)^(?:\| |\* )`(ocikit[\w.]*)`", page.read_text())
    assert tuple(rows) == PUBLIC_MODULES


def test_examples_import_public_names_only() -> None:
    imported = [
        (node.module, alias.name)
        for page in PAGES
        for fence in fences(page.read_text())
        if fence.language == "python" and "ocikit" in fence.text and page.parent != FOLDER
        for node in ast.walk(ast.parse(fence.text))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ocikit"
        for alias in node.names
    ]
    assert imported
    assert [found for found in imported if found[0] not in MODULES or found[1] not in _exports(found[0])] == []


def test_the_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as a reader of the page would run them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("<h1>Hello</h1>")
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    examples = [fence.text for fence in fences(GUIDE.read_text()) if fence.language == "python"]
    with FakeRegistry() as registry:
        names: dict[str, Any] = {}
        for example in examples:
            exec(compile(example.replace("registry.example", registry.address), str(GUIDE), "exec"), names)
        assert registry.repositories["acme/site"].tags == {"1.0": str(names["image"].digest)}
    assert names["found"] == ()


def _exports(name: str) -> tuple[str, ...]:
    return tuple(map(str, MODULES[name].exports or ()))


def _documented(module: griffe.Module) -> Iterator[griffe.Object]:
    for member in public_names(module):
        yield member
        if isinstance(member, griffe.Class):
            yield from public_members(member)


def _types(member: griffe.Object) -> Iterator[str]:
    """The full names of all types in the signature of a function, or of a class, or in an attribute."""
    made = member.members.get("__init__") if isinstance(member, griffe.Class) else member
    expressions: list[Any] = list(member.bases) if isinstance(member, griffe.Class) else []
    if isinstance(made, griffe.Function):
        expressions += (parameter.annotation for parameter in made.parameters)
        expressions.append(made.returns)
    elif isinstance(made, griffe.Attribute):
        expressions += (made.annotation, made.value)
    for expression in expressions:
        if isinstance(expression, griffe.Expr):
            yield from (part.canonical_path for part in expression.iterate() if isinstance(part, griffe.ExprName))

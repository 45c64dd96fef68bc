"""ocikit.md: the library's public modules, and its command line.

The table in docs/ocikit.md names the public modules; their public members have names without a leading underscore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

from reference import commands, markdown

_ROOT = Path(__file__).resolve().parents[2]
_COLUMNS = 100
_COLUMNS = 100
_INTRODUCTION = """
The library module by module, and its command line; [ocikit](../ocikit.md) explains how they fit together. Anything not
listed here can change in any release.
"""


def page() -> str:
    package = griffe.load("ocikit", search_paths=[_ROOT / "src"], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    exported = ", ".join(f"`{name}`" for name in package.exports or ())
    blocks = ["## Command line", *commands.blocks(), "## `ocikit`", *_docstring(package), f"Names: {exported}."]
    for name in public_modules():
        blocks += _module(name, package[name])
    return markdown.page("ocikit", _INTRODUCTION, *blocks)


def public_modules() -> tuple[str, ...]:
    """The modules that docs/ocikit.md names in the first column of its table, such as "layer.build"."""
    rows = re.findall(r"(?m)^\| (`[^|]+`) \|", (_ROOT / "docs" / "ocikit.md").read_text())
    return tuple(name for row in rows for name in re.findall(r"`([a-z_.]+)`", row))


def _module(name: str, module: griffe.Module) -> Iterator[str]:
    yield f"## `ocikit.{name}`"
    yield from _docstring(module)
    for member in _members(module):
        if isinstance(member, griffe.Class):
            yield from _class(member)
        elif isinstance(member, griffe.Function):
            yield f"### `{member.name}`"
            yield markdown.code("python", _in_lines(_signature(member)))
            yield from _docstring(member)


def _class(found: griffe.Class) -> Iterator[str]:
    yield f"### `{found.name}`"
    made = found.members.get("__init__")
    signature = _signature(made) if isinstance(made, griffe.Function) else found.name
    yield markdown.code("python", _in_lines(f"class {signature}"))
    if found.bases:
        yield f"Extends {', '.join(f'`{base}`' for base in found.bases)}."
    yield from _docstring(found)
    for member in _members(found):
        if isinstance(member, griffe.Function):
            yield _item(f"{'' if member.labels & {'classmethod', 'staticmethod'} else '.'}{_signature(member)}", member)
        elif isinstance(member, griffe.Attribute) and "property" in member.labels:
            yield _item(f".{member.name}: {member.annotation}", member)


def _members(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    """The public members defined there, in order, and the names that a package exports."""
    for name, member in parent.members.items():
        if isinstance(member, griffe.Object) and not name.startswith("_") and not member.is_module:
            yield member
        elif isinstance(member, griffe.Alias) and name in (parent.exports or ()):
            yield member.final_target


def _signature(function: griffe.Function) -> str:
    """`name(parameter: type = default) -> type`."""
    made = function.name == "__init__"
    name = function.parent.name if made and function.parent else function.name
    text = re.sub(r"\((self|cls)(, |(?=\)))", "(", function.signature(name=name, return_type=not made))
    # A default that is created for each call is not interesting.
    return re.sub(r"= \(lambda: .*?\)\(\)", "= …", text)


def _in_lines(signature: str) -> str:
    """Put each parameter on its own line if the signature is longer than a line."""
    if len(signature) <= _COLUMNS:
        return signature
    start, end = signature.index("(") + 1, signature.rindex(")")
    lines, depth = [""], 0
    for character in signature[start:end]:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            lines.append("")
        else:
            lines[-1] += character
    return "\n".join((signature[:start], *(f"    {line.strip()}," for line in lines), signature[end:]))


def _item(signature: str, member: griffe.Object) -> str:
    docstring = "\n\n".join(_docstring(member))
    indented = re.sub("(?m)^(?=.)", "    ", docstring)
    return f"* `{signature}`" + (f"\n\n{indented}" if docstring else "")


def _docstring(found: griffe.Object) -> tuple[str, ...]:
    return (markdown.docstring(found.docstring.value),) if found.docstring else ()

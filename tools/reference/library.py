"""ocikit.md: the library's public modules, and its command line.

A module's public names are those in its `__all__`; a class's, those without an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

from reference import commands, markdown
from reference.public_modules import PUBLIC_MODULES

_ROOT = Path(__file__).resolve().parents[2]
_COLUMNS = 100
_INTRODUCTION = """
The command line of ocikit, and its public modules. [ocikit](../ocikit.md) shows how to use them.
[Versioning](../versioning.md#the-library) promises what is on this page. Everything else may change in any release.
"""


def page() -> str:
    blocks = ["## Command line", *commands.blocks()]
    for module in public_modules():
        blocks += _module(module)
    return markdown.page("ocikit", _INTRODUCTION, *blocks)


def public_modules() -> tuple[griffe.Module, ...]:
    """The modules of `PUBLIC_MODULES`, in its order."""
    package = griffe.load("ocikit", search_paths=[_ROOT / "src"], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    found = (package[name.partition(".")[2]] if "." in name else package for name in PUBLIC_MODULES)
    return tuple(module for module in found if isinstance(module, griffe.Module))


def public_names(module: griffe.Module) -> tuple[griffe.Object, ...]:
    """What `__all__` names: what the module defines, in its order, then what it imports."""
    exports = [str(name) for name in module.exports or ()]
    own = [name for name, member in module.members.items() if name in exports and isinstance(member, griffe.Object)]
    found = (module.members[name] for name in dict.fromkeys((*own, *exports)))
    return tuple(member.final_target if isinstance(member, griffe.Alias) else member for member in found)


def public_members(found: griffe.Class) -> tuple[griffe.Function | griffe.Attribute, ...]:
    """The methods and the properties that a class defines, in its order."""
    return tuple(
        member
        for name, member in found.members.items()
        if not name.startswith("_")
        if isinstance(member, griffe.Function) or (isinstance(member, griffe.Attribute) and "property" in member.labels)
    )


def _module(module: griffe.Module) -> Iterator[str]:
    yield f"## `{module.path}`"
    yield from _docstring(module)
    elsewhere: dict[str, list[str]] = {}
    for member in public_names(module):
        home = member.module.path
        if home != module.path and home in PUBLIC_MODULES:
            elsewhere.setdefault(home, []).append(f"`{member.name}`")
        elif isinstance(member, griffe.Class):
            yield from _class(member)
        else:
            yield f"### `{member.name}`"
            yield markdown.code("python", _in_lines(_definition(member)))
            yield from _docstring(member)
    for home, names in elsewhere.items():
        yield f"Also here, of `{home}`: {', '.join(names)}."


def _definition(member: griffe.Object) -> str:
    if isinstance(member, griffe.Function):
        return _signature(member)
    assert isinstance(member, griffe.Attribute), f"{member.path} cannot be shown"
    return f"{member.name} = {member.value}"


def _class(found: griffe.Class) -> Iterator[str]:
    yield f"### `{found.name}`"
    yield markdown.code("python", _in_lines(f"class {_construction(found)}"))
    if found.bases:
        yield f"Extends {', '.join(f'`{base}`' for base in found.bases)}."
    yield from _docstring(found)
    for member in public_members(found):
        if isinstance(member, griffe.Function):
            yield _item(f"{'' if member.labels & {'classmethod', 'staticmethod'} else '.'}{_signature(member)}", member)
        else:
            yield _item(f".{member.name}: {member.annotation}", member)


def _construction(found: griffe.Class) -> str:
    """How an object is made: `name(parameter: type = default)`."""
    made = found.members.get("__init__")
    if isinstance(made, griffe.Function):
        return _signature(made)
    if "NamedTuple" not in map(str, found.bases):
        return found.name
    fields = (member for member in found.members.values() if isinstance(member, griffe.Attribute))
    parameters = (f"{field.name}: {field.annotation}{f' = {field.value}' if field.value else ''}" for field in fields)
    return f"{found.name}({', '.join(parameters)})"


def _signature(function: griffe.Function) -> str:
    """`name(parameter: type = default) -> type`."""
    made = function.name == "__init__"
    name = function.parent.name if made and function.parent else function.name
    text = re.sub(r"\((self|cls)(, |(?=\)))", "(", function.signature(name=name, return_type=not made))
    if any(str(decorator.value) == "contextmanager" for decorator in function.decorators):
        text = text.replace("-> Iterator[", "-> AbstractContextManager[")
    # A default that is made again each time is of no interest.
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

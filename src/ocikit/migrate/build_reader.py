"""Read the targets of a BUILD file without executing it; values that are not plain stay source text."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ocikit.errors import InvalidInput

# The end of a package's default file name, after the target's name.
_ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "pex_binary": ".pex",
        "pyoxidizer_binary": "",
        "go_binary": "",
        "deploy_jar": ".jar",
        "shell_command": "",
        "archive": "",
        "nodejs_package": "",
    }
)
_FILES = ("file", "files", "resource", "resources", "relocated_files")


@dataclass(frozen=True)
class FoundTarget:
    """A target as it is written in the BUILD file of `folder`.

    `fields`: plain values; `unreadable`: the source text of all others. `lines`: its first and last line, from 1.
    """

    kind: str
    folder: str
    name: str
    fields: Mapping[str, Any]
    unreadable: Mapping[str, str]
    lines: tuple[int, int]

    @property
    def address(self) -> str:
        return f"{self.folder}:{self.name}" if self.folder else f"//:{self.name}"

    @property
    def is_files(self) -> bool:
        return self.kind in _FILES

    @property
    def package(self) -> str | None:
        """The path below `dist` that `package` writes it to; None if not known."""
        if self.kind not in _ENDINGS or "output_path" in self.unreadable:
            return None
        ending = _ENDINGS[self.kind]
        if self.kind == "archive":
            ending = f".{self.fields.get('format', 'zip')}"
        own = self.fields.get("output_path")
        folder = self.folder.replace("/", ".")
        return str(own) if own else posixpath.join(folder, f"{self.name}{ending}")

    def checked(self, kinds: Mapping[str, Any]) -> FoundTarget:
        """A copy in which values of other types than `kinds` are unreadable."""
        odd = {
            name: value
            for name, value in self.fields.items()
            if value is not None and not isinstance(value, kinds.get(name, object))
        }
        fields = {name: value for name, value in self.fields.items() if name not in odd}
        return replace(
            self, fields=fields, unreadable={**self.unreadable, **{name: repr(value) for name, value in odd.items()}}
        )


_MAX_WEIGHT = 1_000_000

# Finds a target by its address; None if it does not exist or cannot be read.
Finder = Callable[[str], "FoundTarget | None"]


def absolute_address(address: str, folder: str) -> tuple[str, str, str]:
    """Folder, name and generated part of an address that is written in the BUILD file of `folder`."""
    text, _, generated = address.partition("#")
    path, colon, name = text.partition(":")
    path = path.lstrip("/") if path else ("" if text.startswith("//") else folder)
    return path, name if colon else posixpath.basename(path), generated


def read_build_file(text: str, folder: str, file: str) -> tuple[FoundTarget, ...]:
    """Read the targets of a BUILD file. Raises InvalidInput, with `file` and line, if it is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InvalidInput(f"{file}:{line}: cannot be read as a BUILD file: {error.args[0]}.") from None
    except (RecursionError, MemoryError):
        raise InvalidInput(f"{file}: cannot be read as a BUILD file: it is nested too deeply.") from None
    constants: dict[str, _Constant] = {}
    found = []
    for statement in tree.body:
        if (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            try:
                constants[statement.targets[0].id] = _constant(statement.value, constants)
            except _NoValueError:
                constants.pop(statement.targets[0].id, None)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            if isinstance(call.func, ast.Name):
                found.append(_target(call, call.func.id, folder, constants, text))
    return tuple(found)


def _target(call: ast.Call, kind: str, folder: str, constants: Mapping[str, _Constant], text: str) -> FoundTarget:
    fields: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for word in call.keywords:
        try:
            value = _constant(word.value, constants).value
            fields.update({word.arg: value} if word.arg else value)
        except (_NoValueError, TypeError, ValueError):
            unreadable[word.arg or "**"] = " ".join((ast.get_source_segment(text, word.value) or "").split())
    own = fields.pop("name", None)
    name = own if isinstance(own, str) else posixpath.basename(folder)
    return FoundTarget(kind, folder, name, fields, unreadable, (call.lineno, call.end_lineno or call.lineno))


class _NoValueError(Exception):
    """A value that is known only when the file is executed."""


class _Constant(NamedTuple):
    """A value, and the number of values and characters in it."""

    value: Any
    weight: int


def _constant(node: ast.expr, constants: Mapping[str, _Constant]) -> _Constant:
    """The value of an expression.

    Raises _NoValueError, also for huge values: thirty names that each use another one twice make a gigabyte.
    """
    weight = sum(_weight(one, constants) for one in ast.walk(node))
    if weight > _MAX_WEIGHT:
        raise _NoValueError
    try:
        return _Constant(_value(node, constants), weight)
    except RecursionError:
        raise _NoValueError from None


def _weight(node: ast.AST, constants: Mapping[str, _Constant]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
        return 1 + len(node.value)
    if isinstance(node, ast.Name) and node.id in constants:
        return 1 + constants[node.id].weight
    return 1


def _value(node: ast.expr, constants: Mapping[str, _Constant]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, constants) for item in node.elts]
    if isinstance(node, ast.Dict) and all(node.keys):
        return {_value(k, constants): _value(v, constants) for k, v in zip(node.keys, node.values) if k}
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id].value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _value(node.left, constants), _value(node.right, constants)
        if type(left) is type(right) and isinstance(left, (str, list)):
            return left + right
    raise _NoValueError

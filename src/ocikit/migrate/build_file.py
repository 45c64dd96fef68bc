"""Targets as data, and the text of a BUILD file, formatted as `black` and `ruff format` leave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocikit.printable import printable

WIDTH = 88


@dataclass(frozen=True)
class Call:
    """A call inside a field, such as `parametrize("linux/amd64", "linux/arm64")`."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Target:
    """A target to write: `fields` in this order, without those that are None; `comments`: the lines before it."""

    kind: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    comments: tuple[str, ...] = ()


def build_text(targets: Iterable[Target], comments: Sequence[str] = ()) -> str:
    """The text of a BUILD file, with `comments` at its top."""
    blocks = [target_text(target) for target in targets]
    if comments:
        blocks.insert(0, "".join(_comment(line) for line in comments))
    return "\n".join(blocks)


def target_text(target: Target) -> str:
    fields = {"name": target.name, **{key: value for key, value in target.fields.items() if value is not None}}
    comments = "".join(_comment(line) for line in target.comments)
    words = [f"{key}={_value(value)}" for key, value in fields.items()]
    line = f"{target.kind}({', '.join(words)})"
    if len(fields) <= 2 and len(line) <= WIDTH:
        return f"{comments}{line}\n"
    rows = "".join(f"    {key}={_wrapped(value, 4, len(key) + 1)},\n" for key, value in fields.items())
    return f"{comments}{target.kind}(\n{rows})\n"


def _comment(line: str) -> str:
    # A newline would end the comment, and Python would run the rest.
    return f"# {printable(line)}".rstrip() + "\n"


def _wrapped(value: Any, indent: int, before: int) -> str:
    """The value on one line if it fits after `before` characters with a comma, otherwise one item per line."""
    flat = _value(value)
    if indent + before + len(flat) + 1 <= WIDTH or isinstance(value, (str, bool, int)):
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, Mapping):
        items = [f"{_value(key)}: {_wrapped(item, indent + 4, len(_value(key)) + 2)}" for key, item in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, Call):
        items = [_wrapped(item, indent + 4, 0) for item in value.arguments]
        opening, closing = f"{value.name}(", ")"
    else:
        items = [_wrapped(item, indent + 4, 0) for item in value]
        opening, closing = "[", "]"
    return opening + "\n" + "".join(f"{inner}{item},\n" for item in items) + " " * indent + closing


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_value(key)}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Call):
        return f"{value.name}({', '.join(map(_value, value.arguments))})"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)


def _text(text: str) -> str:
    """A literal in double quotes, unless these need more backslashes."""
    # Escape invisible characters as Python itself does.
    literal = printable(repr(text))
    if literal[0] == '"' or text.count('"') > text.count("'"):
        return literal
    return '"' + literal[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'

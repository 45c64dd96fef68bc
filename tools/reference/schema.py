"""A JSON Schema from dataclasses: annotations give the types of keys, docstrings their meanings."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any, get_args

_TYPES = {"bool": "boolean", "float": "number", "int": "integer", "str": "string"}


def definitions(kind: type[Any]) -> dict[str, Any]:
    """The schema of `kind` and of each dataclass that it holds, by name."""
    found: dict[str, Any] = {}
    _define(kind, found)
    return found


def _define(kind: type[Any], found: dict[str, Any]) -> None:
    if kind.__name__ in found:
        return
    summary, meanings = described(inspect.getdoc(kind) or "")
    schema = found[kind.__name__] = {"description": summary, "type": "object", "properties": {}, "required": []}
    names = vars(sys.modules[kind.__module__])
    for field in dataclasses.fields(kind):
        # Python 3.9 cannot evaluate `str | None`, but it can parse it.
        annotation = ast.parse(str(field.type), mode="eval").body
        schema["properties"][field.name] = {**_schema(annotation, names, found), **_meaning(meanings.get(field.name))}
        schema["required"].append(field.name)


def _schema(node: ast.expr, names: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    if isinstance(node, ast.BinOp):
        return {"anyOf": [_schema(part, names, found) for part in (node.left, node.right)]}
    if isinstance(node, ast.Constant) and node.value is None:
        return {"type": "null"}
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        return {"type": "array", "items": _schema(node.slice.elts[0], names, found)}
    assert isinstance(node, ast.Name), ast.dump(node)
    if node.id in _TYPES:
        return {"type": _TYPES[node.id]}
    named = names[node.id]
    if get_args(named):
        return {"enum": list(get_args(named))}
    _define(named, found)
    return {"$ref": f"#/$defs/{node.id}"}


def _meaning(text: str | None) -> dict[str, str]:
    return {"description": text} if text else {}


def described(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into the summary and the meanings of the names that start its sentences.

    >>> described("A row. `a`, `b`: two. `c` is left.")
    ('A row.', {'a': 'Two.', 'b': 'Two.', 'c': '`c` is left.'})
    """
    parts = re.split(r"(?:(?<=[.;)])\s+|^)(?=`\w+`(?:, `\w+`)*(?::| [a-z]+ ))", re.sub(r"\s+", " ", text))
    summary, meanings = "", {}
    for part in parts:
        subject = re.match(r"(`\w+`(?:, `\w+`)*)(: )?", part)
        if not subject:
            summary += part
            continue
        meaning = part[subject.end() :] if subject[2] else part
        meanings.update(dict.fromkeys(re.findall(r"\w+", subject[1]), meaning[0].upper() + meaning[1:]))
    return summary, meanings

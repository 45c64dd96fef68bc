"""HTML elements. Text is escaped unless it is `Markup`, and invisible characters are shown."""

from __future__ import annotations

import html
from typing import Union

from ocikit.printable import printable

# Elements without content; of SVG only those in use.
_VOID = frozenset({"meta", "link", "rect"})

Attribute = Union[str, int, bool, None]


class Markup(str):
    """Text that is put into a page without escaping."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: Attribute) -> Markup:
    """An element. In attribute names a trailing "_" is dropped, others become "-"; False and None omit an attribute."""
    words = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{words}>" if name != "rect" else f"<{name}{words}/>")
    return Markup(f"<{name}{words}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    return Markup("".join(child if isinstance(child, Markup) else _escaped(child) for child in children))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return html.escape(printable(text))

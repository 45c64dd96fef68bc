"""What a JSON document of others must look like, as data: a table of its members that one function checks. Pure.

`null` stands for a member that is missing: Go writes it for lists and maps that are empty. In lists and as a value in a
map it is refused. Members that no table names are not looked at, and are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Union

from ocikit.errors import InvalidContent
from ocikit.whole_number import MAX_INT64


@dataclass(frozen=True)
class Scalar:
    """A text, or true or false; `name` is for people."""

    type: type
    name: str


@dataclass(frozen=True)
class Size:
    """A whole number of bytes, at most what a Go program can read."""

    name: str = f"a whole number from 0 to {MAX_INT64}"


@dataclass(frozen=True)
class ListOf:
    """A JSON array."""

    item: Kind

    @property
    def name(self) -> str:
        return "a list"


@dataclass(frozen=True)
class MapOf:
    """A JSON object with any names; `item` None: with any values, too."""

    item: Kind | None = None

    @property
    def name(self) -> str:
        return "an object"


@dataclass(frozen=True)
class Members:
    """A JSON object with these members; those that are `required` must be there."""

    members: Mapping[str, Kind]
    required: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "an object"


Kind = Union[Scalar, Size, ListOf, MapOf, Members]

TEXT = Scalar(str, "text")
FLAG = Scalar(bool, "true or false")
SIZE = Size()
TEXTS = ListOf(TEXT)
TEXT_MAP = MapOf(TEXT)


def members(required: tuple[str, ...] = (), **kinds: Kind) -> Members:
    """A table of members."""
    return Members(MappingProxyType(kinds), required)


def check(value: Any, kind: Kind, what: str) -> None:
    """Raise InvalidContent unless `value` is of this kind; `what` begins the message.

    The depth of the recursion is that of `kind`, whatever the value is.
    """
    fault = _fault(value, kind, "")
    if fault:
        raise InvalidContent(f"{what}: {fault}.")


def _fault(value: Any, kind: Kind, path: str) -> str | None:
    if isinstance(kind, Scalar):
        return None if isinstance(value, kind.type) else _expected(kind, value, path)
    if isinstance(kind, Size):
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT64
        return None if fits else _expected(kind, value, path)
    if isinstance(kind, ListOf):
        if not isinstance(value, (list, tuple)):
            return _expected(kind, value, path)
        items = ((f"{path}[{number}]", item, kind.item) for number, item in enumerate(value))
    else:
        if not isinstance(value, Mapping):
            return _expected(kind, value, path)
        if isinstance(kind, MapOf):
            if kind.item is None:
                return None
            one = kind.item
            items = ((_below(path, key), item, one) for key, item in value.items())
        else:
            missing = next((name for name in kind.required if value.get(name) is None), None)
            if missing:
                return f'expected "{_below(path, missing)}", which is missing'
            items = (
                (_below(path, name), value[name], inner)
                for name, inner in kind.members.items()
                if value.get(name) is not None
            )
    return next((fault for place, item, inner in items if (fault := _fault(item, inner, place))), None)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _expected(kind: Kind, value: Any, path: str) -> str:
    where = f' in "{path}"' if path else ""
    return f"expected {kind.name}{where}, got {value!r:.100}"

"""Schemas of JSON documents by others, as data: tables of their members. Pure.

A member that is `null` counts as missing: Go writes it for empty lists and maps. In lists and as a value in a map,
`null` is refused. Members that are not in a table are not checked, and are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from ocikit.errors import InvalidContent
from ocikit.whole_number import MAX_INT64


@dataclass(frozen=True)
class Fault:
    """What was expected at `path` (a step for each level), and what was found."""

    expected: str
    found: Any
    path: tuple[str, ...] = ()

    def below(self, step: str) -> Fault:
        return Fault(self.expected, self.found, (step, *self.path))

    def __str__(self) -> str:
        place = "".join(self.path).lstrip(".")
        return f"expected {self.expected}" + (f' in "{place}"' if place else "") + f", got {self.found!r:.100}"


class Kind(Protocol):
    """A kind of value. Checks recurse as deep as the kind, not as deep as the value."""

    def fault(self, value: Any) -> Fault | None:
        """Return what is wrong with `value`, None if it is of this kind."""


@dataclass(frozen=True)
class Scalar:
    """A text, or true or false; `name` is its name in errors."""

    type: type
    name: str

    def fault(self, value: Any) -> Fault | None:
        return None if isinstance(value, self.type) else Fault(self.name, value)


@dataclass(frozen=True)
class Size:
    """A whole number of bytes, at most what a Go program can read."""

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT64:
            return None
        return Fault(f"a whole number from 0 to {MAX_INT64}", value)


@dataclass(frozen=True)
class ListOf:
    """A JSON array."""

    item: Kind

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, (list, tuple)):
            return Fault("a list", value)
        for number, item in enumerate(value):
            found = self.item.fault(item)
            if found:
                return found.below(f"[{number}]")
        return None


@dataclass(frozen=True)
class MapOf:
    """A JSON object with any names; if `item` is None, also with any values."""

    item: Kind | None = None

    def fault(self, value: Any) -> Fault | None:
        if not _is_object(value):
            return Fault("an object", value)
        if self.item:
            for name, item in value.items():
                found = self.item.fault(item)
                if found:
                    return found.below(f".{name}")
        return None


@dataclass(frozen=True)
class Members:
    """A JSON object with these members; the `required` ones must be present."""

    members: Mapping[str, Kind]
    required: tuple[str, ...] = ()

    def fault(self, value: Any) -> Fault | None:
        if not _is_object(value):
            return Fault("an object", value)
        for name, kind in self.members.items():
            item = value.get(name)
            if item is not None:
                found = kind.fault(item)
                if found:
                    return found.below(f".{name}")
            elif name in self.required:
                return Fault(f'"{name}", which is missing', value)
        return None


TEXT = Scalar(str, "text")
FLAG = Scalar(bool, "true or false")
SIZE = Size()
TEXTS = ListOf(TEXT)
TEXT_MAP = MapOf(TEXT)


def members(required: tuple[str, ...] = (), **kinds: Kind) -> Members:
    """A table of members."""
    return Members(MappingProxyType(kinds), required)


def check(value: Any, kind: Kind, what: str) -> None:
    """Raise InvalidContent unless `value` is of this kind; `what` begins the message."""
    fault = kind.fault(value)
    if fault:
        raise InvalidContent(f"{what}: {fault}.")


def _is_object(value: Any) -> bool:
    # `isinstance` with an abstract class takes longer than all other checks together.
    return type(value) is dict or isinstance(value, Mapping)

"""Find the values of a YAML or JSON text that are addresses of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

from ocikit.errors import InvalidContent
from ocikit.manifests.pinned import pinned_references
from ocikit.manifests.scalar import PLAIN, Positions, Scalar
from ocikit.manifests.substitute import Span, Unreplaced
from ocikit.manifests.unreplaced import find_unreplaced, spans
from ocikit.manifests.yaml_events import events

_MERGE = "<<"
_TEMPLATE = "{{"
_TAB = r"found character '\t' that cannot start any token"


@dataclass(frozen=True)
class Scan:
    """The addresses of images in a text, what only looks like one, and what is pinned by digest already."""

    spans: tuple[Span, ...]
    unreplaced: tuple[Unreplaced, ...]
    pinned: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "spans": [span.to_json() for span in self.spans],
            "unreplaced": [one.to_json() for one in self.unreplaced],
            "pinned": list(self.pinned),
        }


def decode(data: bytes, name: str) -> str:
    """The text of a file, a byte order mark included; raises InvalidContent."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidContent(
            f"{name}: not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}. Write it in UTF-8."
        ) from None


def scan(text: str, name: str) -> Scan:
    """Scan a text. If it is not YAML or has a key twice, raise InvalidContent with the place in the file `name`."""
    positions = Positions(text)
    try:
        scalars = tuple(_scalars(text, positions))
    except _Fault as fault:
        line, column = positions.of(min(fault.offset, len(text)))
        raise InvalidContent(f"{name}:{line}:{column}: {fault}.{_hint(text)}") from None
    return Scan(
        tuple(spans(text, scalars, positions)),
        tuple(find_unreplaced(text, scalars, positions)),
        tuple(pinned_references(scalars)),
    )


class _Fault(Exception):
    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(problem)
        self.offset = offset


@dataclass
class _Collection:
    """A mapping or sequence that is being read. `within_key`: it is a key, or within one."""

    is_mapping: bool
    within_key: bool
    key_is_next: bool = True
    keys: dict[str, int] = field(default_factory=dict)


def _scalars(text: str, positions: Positions) -> Iterator[Scalar]:
    open_collections: list[_Collection] = []
    anchors: set[str] = set()
    for event, start, end in _events(text):
        if isinstance(event, DocumentStartEvent):
            anchors.clear()
        elif isinstance(event, CollectionEndEvent):
            open_collections.pop()
        elif isinstance(event, NodeEvent):
            _check_anchor(event, start, anchors)
            around = open_collections[-1] if open_collections else None
            is_key = _is_key(around)
            if isinstance(event, ScalarEvent):
                if around and around.is_mapping and around.key_is_next:
                    _note_key(around, str(event.value), start, positions)
                yield Scalar(start, end, str(event.value), event.style or PLAIN, is_key)
            elif isinstance(event, CollectionStartEvent):
                if is_key and text.startswith(_TEMPLATE, start - 1):
                    # Valid YAML by chance: a mapping as a key, which no tool accepts.
                    raise _Fault(start - 1, f'"{_TEMPLATE}" cannot begin a value')
                open_collections.append(_Collection(isinstance(event, MappingStartEvent), is_key))
            if around:
                around.key_is_next = not around.key_is_next


def _check_anchor(event: NodeEvent, start: int, anchors: set[str]) -> None:
    if not isinstance(event, AliasEvent):
        anchors.add(event.anchor)
    elif event.anchor not in anchors:
        name = event.anchor
        raise _Fault(start, f'"*{name}" has no "&{name}" before it; if it is meant as text, put it in quotes')


def _is_key(around: _Collection | None) -> bool:
    return around is not None and (around.within_key or (around.is_mapping and around.key_is_next))


def _note_key(mapping: _Collection, key: str, start: int, positions: Positions) -> None:
    if key in mapping.keys and key != _MERGE:
        first, _ = positions.of(mapping.keys[key])
        again, _ = positions.of(start)
        lines = f"in line {first} and again in line {again}" if again != first else f"twice in line {first}"
        raise _Fault(start, f'the key "{key}" is {lines}, in one mapping; remove one')
    mapping.keys.setdefault(key, start)


def _events(text: str) -> Iterator[tuple[Event, int, int]]:
    """Yield the events; an error of ruamel becomes a fault with its offset."""
    end = 0
    try:
        for event, start, end in events(text):
            yield event, start, end
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Fault(mark.index if mark else end, f"not YAML: {_problem(error)}") from None
    except ReaderError as error:
        raise _Fault(error.position, f"not YAML: the character U+{error.character:04X} is not allowed") from None
    except (YAMLError, ValueError, OverflowError, IndexError) as error:
        raise _Fault(end, f"not YAML, from here on: {error}") from None


def _problem(error: MarkedYAMLError) -> str:
    """ruamel's message, with its context, such as "while parsing a block mapping", and the line where that began."""
    # Some messages quote the text found as a tuple.
    problem = str(error.problem).replace("('", "'").replace("',)", "'")
    if problem == _TAB:
        return "a tab cannot indent; write spaces"
    if not error.context:
        return problem
    began = f", which began in line {error.context_mark.line + 1}" if error.context_mark else ""
    return f"{problem} ({error.context}{began})"


def _hint(text: str) -> str:
    if _TEMPLATE not in text:
        return ""
    return (
        f' It contains "{_TEMPLATE}", so it looks like a template of a Helm chart: name the chart in `dependencies`,'
        " and put the address into a values file."
    )

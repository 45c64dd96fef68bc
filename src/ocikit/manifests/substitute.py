"""The spans of addresses of images in a text, and their replacement. Pure.

The text is never reformatted: everything between the spans is copied unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ocikit.manifests.scalar import DOUBLE, PLAIN, SINGLE

# Text that needs no quotes, in any version of YAML and inside "{}" and "[]" ...
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/@:-]*[A-Za-z0-9._/@-])?")
# ... except text that some version reads as a number, a time or a boolean.
_OTHER_TYPE = re.compile(r"[0-9][0-9a-fA-F_xXobTZ.:+-]*|true|false|yes|no|on|off|y|n|null", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """A value that is the address of an image, whatever its key.

    `start` and `end` count characters, including a byte order mark, and include the quotes; `quote` is `"`, `'` or ""
    for none. `line` and `column` start at 1, for people. `address`: the value, which begins with `pants://`;
    `PantsUrl.parse` checks whether it is valid.
    """

    start: int
    end: int
    line: int
    column: int
    address: str
    quote: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Span:
        return cls(**document)


@dataclass(frozen=True)
class Unreplaced:
    """A `text` that looks like an address of an image and is not replaced.

    `why`: the reason and what to do, as in "is not replaced: {why}.". `is_comment`: no replacement is expected there.
    """

    line: int
    column: int
    text: str
    why: str
    is_comment: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Unreplaced:
        return cls(**document)


def replace(text: str, spans: Sequence[Span], values: Sequence[str]) -> str:
    """Replace the value of each span; `spans` are in the order of the text. Quotes stay as they are.

    A value that would mean something else without quotes gets quotes.
    """
    assert len(spans) == len(values)
    pieces: list[str] = []
    end = 0
    for span, value in zip(spans, values):
        pieces += (text[end : span.start], _quoted(value, span.quote))
        end = span.end
    return "".join((*pieces, text[end:]))


def _quoted(value: str, quote: str) -> str:
    if quote == PLAIN and _PLAIN.fullmatch(value) and not _OTHER_TYPE.fullmatch(value):
        return value
    if quote == SINGLE:
        return SINGLE + value.replace("'", "''") + SINGLE
    return DOUBLE + value.replace("\\", "\\\\").replace('"', '\\"') + DOUBLE

"""The places of a text where addresses of images stand, and putting something else there. Pure.

The text is never written anew: what is between the places is copied as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ocikit.deployment.scalar import DOUBLE, PLAIN, SINGLE

# What means itself without quotes, in every version of YAML and inside of "{}" and "[]" ...
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/@:-]*[A-Za-z0-9._/@-])?")
# ... but for what some version reads as a number, a time or a truth value.
_OTHER_TYPE = re.compile(r"[0-9][0-9a-fA-F_xXobTZ.:+-]*|true|false|yes|no|on|off|y|n|null", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """A value that is the address of an image, whatever its key.

    `start` and `end` count characters, a byte order mark too, and take in the quotes; `quote` is `"`, `'` or "" where
    there are none. `line` and `column` are from 1, for people. `address`: the value, which begins with `pants://`;
    whether it is a right address is for `ImageAddress.parse` to say.
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
    def from_json(cls, document: Mapping[str, Any]) -> Place:
        return cls(**document)


@dataclass(frozen=True)
class Left:
    """What looks like an address of an image (`text`) and is left alone.

    `why` tells it and what to do about it, as in "left as it is: {why}.". `is_comment`: nobody expects otherwise.
    """

    line: int
    column: int
    text: str
    why: str
    is_comment: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Left:
        return cls(**document)


def replace(text: str, places: Sequence[Place], values: Sequence[str]) -> str:
    """The text with the value of each place replaced, which are in their order. Quotes stay as they are.

    A value that would mean something else without quotes gets some.
    """
    assert len(places) == len(values)
    pieces: list[str] = []
    end = 0
    for place, value in zip(places, values):
        pieces += (text[end : place.start], _quoted(value, place.quote))
        end = place.end
    return "".join((*pieces, text[end:]))


def _quoted(value: str, quote: str) -> str:
    if quote == PLAIN and _PLAIN.fullmatch(value) and not _OTHER_TYPE.fullmatch(value):
        return value
    if quote == SINGLE:
        return SINGLE + value.replace("'", "''") + SINGLE
    return DOUBLE + value.replace("\\", "\\\\").replace('"', '\\"') + DOUBLE

"""Scalars of a YAML text, and positions in the text. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

PLAIN = ""
SINGLE = "'"
DOUBLE = '"'
LITERAL = "|"
FOLDED = ">"

# YAML 1.2.2, "5.4. Line Break Characters".
_BREAK = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Scalar:
    """A value or a key: the text from `start` to `end`, with quotes but without anchor and tag, means `value`."""

    start: int
    end: int
    value: str
    style: str
    is_key: bool

    @property
    def is_block(self) -> bool:
        return self.style in (LITERAL, FOLDED)


class Positions:
    """The lines and columns of a text, as editors count them."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self._marked = text.startswith(_BYTE_ORDER_MARK)

    def of(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, from 1; a byte order mark does not count."""
        line = bisect_right(self._starts, offset)
        column = offset - self._starts[line - 1] + 1
        return line, column - 1 if self._marked and line == 1 and column > 1 else column


def goes_over_lines(text: str, scalar: Scalar) -> bool:
    return _BREAK.search(text, scalar.start, scalar.end) is not None

"""Find the addresses of images in a text, and text that only looks like one. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ocikit.manifests.pants_url import SCHEME
from ocikit.manifests.scalar import Positions, Scalar, goes_over_lines
from ocikit.manifests.substitute import Span, Unreplaced

_COMMENT = "it is in a comment"
_NO_VALUE = "it is not a value"
_KEY = "it is a key, and only values are replaced"
_BLOCK_ALONE = "it is in a block of text; write it on the line of its key"
_BLOCK = "it is in a block of text; move that text to a file of its own among the sources"
_SEVERAL_LINES = "its value spans several lines; write it on one line"
_PART = "it is only a part of its value; make it a value of its own, such as that of a variable, and refer to that"

_ADDRESS = re.compile(re.escape(SCHEME) + r"[^\s\"'`,;<>(){}\[\]\\]*")
_SPACE = re.compile(r"\s")
_LONGEST_TEXT = 120


def is_address(text: str, scalar: Scalar) -> bool:
    """Whether a scalar is meant as an address of an image: a whole value, on one line."""
    return (
        not scalar.is_key
        and not scalar.is_block
        and scalar.value.startswith(SCHEME)
        and not _SPACE.search(scalar.value)
        and not goes_over_lines(text, scalar)
    )


def spans(text: str, scalars: Sequence[Scalar], positions: Positions) -> Iterator[Span]:
    for scalar in scalars:
        if is_address(text, scalar):
            yield Span(scalar.start, scalar.end, *positions.of(scalar.start), _text(scalar.value), scalar.style)


def find_unreplaced(text: str, scalars: Sequence[Scalar], positions: Positions) -> list[Unreplaced]:
    """Everything else that looks like an address, in the order of the text."""
    starts = [scalar.start for scalar in scalars]
    # Cached: one value may contain thousands of addresses.
    is_one = lru_cache(maxsize=1)(lambda index: is_address(text, scalars[index]))
    why_not = lru_cache(maxsize=1)(lambda index: _why(text, scalars[index]))
    left = []
    for found in _ADDRESS.finditer(text):
        offset = found.start()
        index = bisect_right(starts, offset) - 1
        within = index >= 0 and offset < scalars[index].end
        if not within or not is_one(index):
            is_comment = not within and text.find("#", _line_start(text, offset), offset) >= 0
            why = _COMMENT if is_comment else why_not(index) if within else _NO_VALUE
            left.append(Unreplaced(*positions.of(offset), found.group()[:_LONGEST_TEXT], why, is_comment))
    for scalar in scalars:
        # Written with escapes: "pants:\\/\\/…" in JSON.
        found_in_value = _ADDRESS.search(scalar.value)
        if found_in_value and SCHEME not in text[scalar.start : scalar.end] and not is_address(text, scalar):
            shown = _text(found_in_value.group())[:_LONGEST_TEXT]
            left.append(Unreplaced(*positions.of(scalar.start), shown, _why(text, scalar)))
    return sorted(left, key=lambda one: (one.line, one.column))


def _why(text: str, scalar: Scalar) -> str:
    if scalar.is_key:
        return _KEY
    if scalar.is_block:
        alone = scalar.value.startswith(SCHEME) and not _SPACE.search(scalar.value.strip())
        return _BLOCK_ALONE if alone else _BLOCK
    return _SEVERAL_LINES if goes_over_lines(text, scalar) else _PART


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _text(value: str) -> str:
    """The value of a scalar as text: an escape such as "\\ud800" is a lone surrogate, which cannot be encoded."""
    return value.encode("utf-8", "backslashreplace").decode()

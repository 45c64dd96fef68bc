"""Escape invisible characters of untrusted text before it is printed, logged or shown on a page.

An image, a registry or a BUILD file may contain any character. Some control a terminal (ESC, C1), reorder the text
(bidirectional controls), begin a line that looks like one of ours (newlines, separators), or are invisible
(zero-width, fillers, tags). All of them become Python's escapes, such as `\\x1b` or `\\u202e`. Letters and marks of
every script and emoji are kept. A joiner or a variation selector is kept if it is part of an emoji.

Backslashes are not doubled: the result is for people. JSON is the lossless form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Callable

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), as far as `str.isprintable` accepts it, and the
# braille pattern without dots: letters, marks and symbols that are invisible.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
# The characters of emoji; the last block includes those that are newer than this Python.
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
# Of a JSON document, some bytes each: escaping them one by one would take longer than making them.
_PARTS_AT_ONCE = 1000
# Compiled on first use, to import faster.
_ANY_UNSEEN = f"[{_UNSEEN}]"
_EMOJI_OR_CHARACTER = f"(?s)([{_EMOJI}]+\ufe0f?(?:\u200d[{_EMOJI}]+\ufe0f?)*)|(.)"


def printable(text: str, longest: int | None = None) -> str:
    """Return `text` as one line without invisible characters; beyond `longest` characters it is cut and ends with "…".

    >>> printable("web\\x1b[31m\\nocikit: done")
    'web\\\\x1b[31m\\\\nocikit: done'
    """
    if longest is None:
        return _visible(text, _as_python)
    line = _visible(text[:longest], _as_python)
    return line if len(line) <= longest and len(text) <= longest else f"{line[: longest - 1]}…"


def printable_lines(lines: Iterable[str]) -> str:
    """Join `lines`; a newline within one of them is escaped."""
    return "\n".join(map(printable, lines))


def printable_json(document: Any) -> str:
    """Serialise a document as indented, lossless JSON: invisible characters and lone surrogates become `\\uXXXX`."""
    return "".join(printable_json_pieces(document))


def printable_json_pieces(document: Any) -> Iterator[str]:
    """Yield the same text in parts, for a document with lists that are generated while it is written."""
    # Not json.dumps: its C encoder writes such a list as an empty one.
    parts = json.JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).iterencode(document)
    while text := "".join(islice(parts, _PARTS_AT_ONCE)):
        yield "\n".join(_visible(line, _as_json) for line in text.split("\n"))


def _visible(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable() and (text.isascii() or not re.search(_ANY_UNSEEN, text)):
        return text

    def shown(found: re.Match[str]) -> str:
        emoji, character = found.groups()
        return emoji or (escape(character) if _is_unseen(character) else character)

    return re.sub(_EMOJI_OR_CHARACTER, shown, text)


def _is_unseen(character: str) -> bool:
    return not character.isprintable() or bool(re.match(_ANY_UNSEEN, character))


def _as_python(character: str) -> str:
    return ascii(character)[1:-1]


def _as_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))

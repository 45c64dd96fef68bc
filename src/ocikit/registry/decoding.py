"""Decoded forms of a text: escapes of addresses, JSON, HTML and forms, base64 and hexadecimal digits.

A server may write a secret in any of these encodings, nest them, and mix them. So a text is decoded in all ways, and a
match in a `Reading` is traced back to its place in the text.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

# Levels of nested escapes, beyond those that one step undoes: "%252541", "&amp;amp;#65;".
_MOST_STEPS = 6
_SHORTEST_RUN = 8

_BYTE = r"(?:%(?:25)*|\\x)[0-9a-f]{2}"
_ESCAPE = re.compile(
    rf"(?P<bytes>(?:{_BYTE})+)"
    r"|%u(?P<wide>[0-9a-f]{4})"
    r"|&(?:amp;)*(?:\#x0*(?P<hex_entity>[0-9a-f]{1,6});?|\#0*(?P<entity>[0-9]{1,7});?|(?P<name>[a-z][a-z0-9]{1,30});)"
    r"|\\u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})"
    r"|(?-i:\\U)(?P<long>000[0-9a-f]{5}|0010[0-9a-f]{4})"
    r"|\\u(?P<unit>[0-9a-f]{4})"
    r"|\\u\{0*(?P<braced>[0-9a-f]{1,6})\}"
    r"|\\(?P<octal>[0-3][0-7]{2})"
    r"|\\(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_ONE_BYTE = re.compile(_BYTE, re.IGNORECASE)
_CONTROLS = str.maketrans("nrtbf0", "\n\r\t\b\f\0")
_LARGEST = 0x10FFFF
# White space and invisible characters: controls, soft hyphens, zero-width characters, marks of direction and of byte
# order.
_SPACE = re.compile("[\\s\\x00-\\x1f\\x7f-\\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_RUN},}}")
_HEX = re.compile(rf"[0-9A-Fa-f]{{{_SHORTEST_RUN},}}")
_URL_SAFE = str.maketrans("-_", "+/")

# Decoded text, with the start and end of its source in the text that was decoded.
_Part = tuple[str, int, int]


class Reading:
    """`text`, decoded from `origin`; the first reading is the text itself. `loose`: its words may be joined."""

    def __init__(self, parts: Iterable[_Part], origin: Reading | None = None, *, loose: bool = False) -> None:
        self._origin = origin
        self._parts = [part for part in parts if part[0]]
        self.text = "".join(text for text, _, _ in self._parts)
        self.loose = loose
        self._starts: list[int] = []

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in the first reading of the source of `text[start:end]`, which is not empty."""
        if self._origin is None:
            return start, end
        if not self._starts:
            position = 0
            for text, _, _ in self._parts:
                self._starts.append(position)
                position += len(text)
        first, last = (bisect_right(self._starts, position) - 1 for position in (start, end - 1))
        text, begin, stop = self._parts[first]
        source_start = begin + (start - self._starts[first]) * (stop - begin) // len(text)
        text, begin, stop = self._parts[last]
        # Rounded up.
        source_end = begin - (self._starts[last] - end) * (stop - begin) // len(text)
        return self._origin.source(source_start, source_end)


def readings(text: str, depth: int) -> Iterator[Reading]:
    """Yield `text` itself, then all its decoded forms; `depth`: how often base64 and digits are decoded.

    Their total length is proportional to that of `text`.
    """
    first = Reading([(text, 0, len(text))])
    yield from _readings(first, depth)
    squeezed = Reading(_between(text, _SPACE), first, loose=True)
    if squeezed.text != text:
        yield squeezed


def unescaped(text: str) -> tuple[str, ...]:
    """`text` with its escapes undone once, twice and so on, as often as that changes it."""
    return tuple(reading.text for reading in _steps(Reading([(text, 0, len(text))]))[1:])


def _readings(first: Reading, depth: int) -> Iterator[Reading]:
    steps = _steps(first)
    yield from steps
    if not depth:
        return
    for step in steps:
        for parts in _decoded(step.text):
            reading = Reading(parts, step)
            if reading.text:
                yield from _readings(reading, depth - 1)


def _steps(reading: Reading) -> list[Reading]:
    steps = [reading]
    while len(steps) <= _MOST_STEPS and _ESCAPE.search(steps[-1].text):
        after = Reading(_unescaped(steps[-1].text), steps[-1])
        if after.text == steps[-1].text:
            break
        steps.append(after)
    return steps


def _unescaped(text: str) -> Iterator[_Part]:
    position = 0
    for found in _ESCAPE.finditer(text):
        yield text[position : found.start()], position, found.start()
        yield from _characters(found)
        position = found.end()
    yield text[position:], position, len(text)


def _between(text: str, gap: re.Pattern[str]) -> Iterator[_Part]:
    position = 0
    for found in gap.finditer(text):
        yield text[position : found.start()], position, found.start()
        position = found.end()
    yield text[position:], position, len(text)


def _characters(found: re.Match[str]) -> Iterator[_Part]:
    kind, start, end = str(found.lastgroup), found.start(), found.end()
    value = found[kind]
    if kind == "bytes":
        yield from _utf8(
            [(int(one.group()[-2:], 16), start + one.start(), start + one.end()) for one in _ONE_BYTE.finditer(value)]
        )
    elif kind == "low":
        pair = bytes.fromhex(found["high"] + value)
        yield pair.decode("utf-16-be"), start, end
    elif kind == "name":
        # Two thousand names, which are rarely needed.
        from html.entities import html5  # noqa: PLC0415

        yield html5.get(f"{value};", found.group()), start, end
    elif kind == "other":
        yield value.translate(_CONTROLS), start, end
    else:
        number = int(value, {"entity": 10, "octal": 8}.get(kind, 16))
        yield (chr(number) if number <= _LARGEST else found.group()), start, end


def _utf8(octets: list[tuple[int, int, int]]) -> Iterator[_Part]:
    """Decode octets, each with its place, as UTF-8; invalid ones as Latin-1."""
    position = 0
    while position < len(octets):
        value, start, _ = octets[position]
        size = 1 if value < 0xC0 else 2 if value < 0xE0 else 3 if value < 0xF0 else 4
        some = octets[position : position + size]
        try:
            text = bytes(octet for octet, _, _ in some).decode("utf-8")
        except UnicodeDecodeError:
            text, some = chr(value), some[:1]
        yield text, start, some[-1][2]
        position += len(some)


def _decoded(text: str) -> Iterator[Iterable[_Part]]:
    """Base64 from each offset in a group, and digits from each in a pair: the start of an encoding is unknown."""
    runs = [(found.group().translate(_URL_SAFE), found.start()) for found in _BASE64.finditer(text)]
    if not runs:
        return
    for offset in range(4):
        yield [part for run, start in runs for part in _from_base64(run[offset:], start + offset)]
    runs = [(found.group(), found.start()) for found in _HEX.finditer(text)]
    for offset in range(2) if runs else ():
        yield [part for run, start in runs for part in _from_hex(run[offset:], start + offset)]


def _from_base64(run: str, start: int) -> Iterator[_Part]:
    whole = len(run) // 4 * 4
    yield _octets(binascii.a2b_base64(run[:whole])), start, start + whole
    rest = run[whole:]
    if len(rest) > 1:
        yield _octets(binascii.a2b_base64(f"{rest:=<4}")), start + whole, start + len(run)
    yield "\n", start + len(run), start + len(run)


def _from_hex(run: str, start: int) -> Iterator[_Part]:
    whole = len(run) // 2 * 2
    yield _octets(bytes.fromhex(run[:whole])), start, start + whole
    yield "\n", start + whole, start + whole


def _octets(data: bytes) -> str:
    return data.decode("latin-1")

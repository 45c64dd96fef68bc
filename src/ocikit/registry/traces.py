"""What a secret looks like in any encoding, and where a text contains it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from ocikit.registry.decoding import readings, unescaped

# Half of a secret, or this many characters, identify it: a server may have cut it. Fewer are not enough, or a secret
# that begins with "registry-" would hide that word everywhere.
_FEWEST, _MOST = 12, 64
# A shorter secret is hidden only as a word. Otherwise "a" would be hidden in every "manifest".
_SHORTEST_PART = 4
# A shorter secret is not searched in readings where words may be joined.
_SHORTEST_LOOSE = 12
# A longer secret is a token; servers do not escape tokens before they encode them in base64.
_LONGEST_REWRITTEN = 512
# Separates readings.
_BORDER = "\uffff"

# Folds case, and unifies the alphabets of base64 and of forms.
_FOLDED = str.maketrans("\u0130\u03a3\u03c2+-_", "i\u03c3\u03c3  /")


class Trace(NamedTuple):
    """The form that a secret has in a folded text.

    `is_word`: matches only without a letter or digit next to it. `before`, `after`: how many characters next to it also
    reveal a part of the secret. `size`: the secret's characters. `windows`: parts that identify the secret, each with
    its place; computed once, because a run may know hundreds of tokens.
    """

    text: str
    size: int
    is_word: bool = False
    before: int = 0
    after: int = 0

    windows: tuple[tuple[int, str], ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The parts that `places` searches first if the text is long enough."""
        return tuple(part[:_FEWEST] for _, part in self.windows)


def traces_of(secret: str) -> tuple[Trace, ...]:
    """All forms of `secret`, which is not empty, to search for."""
    return tuple(map(_with_windows, dict.fromkeys(_traces(secret))))


def places(text: str, traces: Sequence[Trace], heads: Container[str], depth: int) -> Iterator[tuple[int, int]]:
    """The spans of `text` that reveal one of the secrets, unordered.

    `heads`: those of `traces`, at least. `depth`: see `readings`.
    """
    read = [(reading, _fold(reading.text)) for reading in readings(text, depth)] if text and traces else []
    everything = _BORDER.join(folded for _, folded in read)
    # Most texts contain no secret; this finds that out quickly for any number of secrets.
    if not any(everything[start : start + _FEWEST] in heads for start in range(len(everything) - _FEWEST + 1)):
        traces = [trace for trace in traces if len(trace.text) < _FEWEST]
    traces = [trace for trace in traces if any(part in everything for _, part in trace.windows)]
    for reading, folded in read if traces else ():
        for trace in traces:
            if not reading.loose or trace.size >= _SHORTEST_LOOSE:
                yield from (reading.source(*place) for place in _places(trace, folded))


def _fold(text: str) -> str:
    """Fold `text` to the same number of characters."""
    return text.translate(_FOLDED).lower()


def _places(trace: Trace, folded: str) -> Iterator[tuple[int, int]]:
    for place, part in trace.windows:
        at = folded.find(part)
        while at >= 0:
            start, end = _extended(trace.text, place, len(part), folded, at)
            adjacent = (folded[start - 1 : start] if start else "", folded[end : end + 1])
            if not trace.is_word or not any(map(str.isalnum, adjacent)):
                yield max(start - trace.before, 0), min(end + trace.after, len(folded))
            at = folded.find(part, end)


def _extended(text: str, place: int, length: int, folded: str, at: int) -> tuple[int, int]:
    """The span of `folded` that matches `text` around their common part, `text[place:place + length]`."""
    start, end = at, at + length
    # Where the secret's first character would be.
    zero = at - place
    while start > max(zero, 0) and folded[start - 1] == text[start - 1 - zero]:
        start -= 1
    while end < min(zero + len(text), len(folded)) and folded[end] == text[end - zero]:
        end += 1
    return start, end


def _with_windows(trace: Trace) -> Trace:
    text = trace.text
    length = min(max(len(text) // 2, _FEWEST), _MOST, len(text))
    rest = min(len(text), 2 * _MOST) - length
    places = dict.fromkeys((0, rest // 2, rest))
    return trace._replace(windows=tuple((place, text[place : place + length]) for place in places))


def _traces(secret: str) -> Iterator[Trace]:
    size = len(secret)
    for text in (secret, secret.lower(), secret.upper(), *unescaped(secret)):
        for plain in (text, _octets(text)):
            yield Trace(_fold(plain), size, is_word=len(plain) < _SHORTEST_PART)
    if size < _SHORTEST_PART:
        for text in (secret, secret.lower(), secret.upper()):
            yield Trace(_utf8(text).hex(), size, is_word=True)
            yield Trace(_fold(_base64(_utf8(text)).rstrip("=")), size, is_word=True)
        return
    yield Trace(_utf8(secret).hex(), size)
    # Base64 that lost its case cannot be decoded, so the secret is encoded instead.
    for written in dict.fromkeys(_writings(secret)):
        for start in range(3):
            yield _base64_behind(start, _utf8(written), size)


def _writings(secret: str) -> Iterator[str]:
    yield secret
    if len(secret) > _LONGEST_REWRITTEN:
        return
    yield from (secret.lower(), secret.upper(), json.dumps(secret)[1:-1], html.escape(secret))
    data = _utf8(secret)
    for escaped in (quote(data, safe=""), quote_plus(data), "".join(f"%{octet:02X}" for octet in data)):
        yield from (escaped, re.sub("%..", lambda found: found.group().lower(), escaped), escaped.lower())
    for encoded in (_base64(data), base64.urlsafe_b64encode(data).decode(), data.hex()):
        yield from (encoded, encoded.rstrip("="), encoded.upper(), encoded.lower())


def _base64_behind(start: int, data: bytes, size: int) -> Trace:
    """Base64 of `data` that begins `start` bytes into a group, without digits that depend on adjacent bytes."""
    encoded = _base64(b"\0" * start + data)
    first, last = -(-8 * start // 6), 8 * (start + len(data)) // 6
    return Trace(_fold(encoded[first:last]), size, before=bool(start), after=bool((start + len(data)) % 3))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(text: str) -> str:
    """`text` in UTF-8, read as Latin-1, as headers are."""
    return _utf8(text).decode("latin-1")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

"""Takes secrets out of what a server said, however it wrote them.

A server may repeat whatever it was told, in any part of an answer. What software commonly makes of a text on its way is
undone, see `ocikit.registry.reading`; a server that means to disguise a secret beyond that cannot be stopped.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Callable, NamedTuple
from urllib.parse import quote, quote_plus

from ocikit.errors import OcikitError
from ocikit.registry.reading import DEPTH, readings, unescaped
from ocikit.registry.secret import HIDDEN, Secret

# So much of a text is kept. What is looked at goes on behind it: a secret that stands at its end is recognised.
LONGEST = 8 * 1024
_REACH = 4 * 1024
# A secret is known by half of it, or by so many characters: somebody may have cut it. Fewer are not enough, or a
# secret that begins with "registry-" would hide that word everywhere.
_FEWEST, _MOST = 12, 64
# A shorter secret is hidden where it is a word. Else "a" would be hidden in every "manifest".
_SHORTEST_PART = 4
# A shorter secret is not looked for where words are torn together.
_SHORTEST_LOOSE = 12
# Of secrets that servers gave us, so many characters are remembered, the newest: a server may make any number of them.
_MOST_PASSING = 4 * 1024 * 1024
# A longer secret is a token, of which servers say nothing in base64 that was escaped before.
_LONGEST_REWRITTEN = 512

# Letters without their case, and the alphabets of base64 and of forms as one.
_FOLDED = str.maketrans("\u0130\u03a3\u03c2+-_", "i\u03c3\u03c3  /")


class _Trace(NamedTuple):
    """What a secret looks like in a text that is folded.

    `is_word`: only where no letter or digit is beside it. `before`, `after`: how many characters beside it tell
    something of the secret, too. `size`: the secret's characters. `windows`: parts by which it is known, each with its
    place; a run may know thousands of tokens, so they are worked out once.
    """

    text: str
    size: int
    is_word: bool = False
    before: int = 0
    after: int = 0

    windows: tuple[tuple[int, str], ...] = ()


class Scrubber:
    """Knows secrets, and takes them out of texts; may be shared by threads.

    `more` gives further secrets. It is called, and everything else worked out, when there is a text to look at.
    """

    def __init__(self, more: Callable[[], Iterable[Secret]] = tuple) -> None:
        self._more = more
        # With what each looks like, once that was worked out.
        self._known: dict[Secret, tuple[_Trace, ...] | None] = {}
        # The first characters of every window.
        self._heads: set[str] = set()
        self._lasting: set[Secret] = set()
        self._passing: deque[Secret] = deque()
        self._passing_size = 0
        self._lock = threading.Lock()

    def learn(self, *secrets: Secret | None) -> None:
        """Hide these, too, from now on."""
        with self._lock:
            self._add(secrets)

    def learn_passing(self, *secrets: Secret) -> None:
        """The same for what a server gave us; when there is much of it the oldest is forgotten."""
        with self._lock:
            for secret in filter(None, secrets):
                if secret not in self._known:
                    self._known[secret] = None
                    self._passing.append(secret)
                    self._passing_size += len(secret.reveal())
            if self._passing_size > _MOST_PASSING:
                self._forget_half()

    def scrubbed(self, text: str, longest: int = LONGEST) -> str:
        """The first `longest` characters of `text`, with "[secret]" for each secret in them."""
        shown: list[str] = []
        position = 0
        for start, end in _merged(self._found(text[: longest + _REACH])):
            if start >= longest:
                break
            shown += (text[position:start], HIDDEN)
            position = end
        return "".join((*shown, text[position:longest]))

    def finds(self, text: str, shortest: int, depth: int = DEPTH) -> bool:
        """Whether a secret of at least `shortest` characters is in `text`, of any length.

        `depth`: how often base64 and digits are decoded; for long texts 0, which finds one of the two.
        """
        return any(True for _ in self._found(text, shortest, depth))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the body raises is raised without secrets."""
        try:
            yield
        except OcikitError as error:
            error.reword(self.scrubbed)
            raise

    def _found(self, text: str, shortest: int = 0, depth: int = DEPTH) -> Iterator[tuple[int, int]]:
        """From where to where `text` tells a secret, in no order."""
        hidden = [(found.start(), found.end()) for found in _ANY_HIDDEN.finditer(text)]
        traces = [trace for trace in self._all_traces() if trace.size >= shortest]
        read = [(reading, _fold(reading.text)) for reading in readings(text, depth)] if text and traces else []
        everything = _BORDER.join(folded for _, folded in read)
        # Most of what is looked at has none, which is found out at once, of however many secrets.
        if not self._may_be_in(everything):
            traces = [trace for trace in traces if len(trace.text) < _FEWEST]
        traces = [trace for trace in traces if any(part in everything for _, part in trace.windows)]
        for reading, folded in read if traces else ():
            for trace in traces:
                if not reading.loose or trace.size >= _SHORTEST_LOOSE:
                    for start, end in _places(trace, folded):
                        place = reading.source(start, end)
                        # Where somebody's password is "secret", what was hidden before stays as it is.
                        if not any(first <= place[0] and place[1] <= last for first, last in hidden):
                            yield place

    def _forget_half(self) -> None:
        while self._passing_size > _MOST_PASSING // 2:
            oldest = self._passing.popleft()
            self._passing_size -= len(oldest.reveal())
            if oldest not in self._lasting:
                del self._known[oldest]
        self._heads = {head for traces in self._known.values() for head in _heads(traces or ())}

    def _may_be_in(self, folded: str) -> bool:
        """Whether one of the longer secrets may be there, in a time that does not depend on how many there are."""
        heads = self._heads
        return any(folded[start : start + _FEWEST] in heads for start in range(len(folded) - _FEWEST + 1))

    def _add(self, secrets: Iterable[Secret | None]) -> None:
        for secret in filter(None, secrets):
            self._lasting.add(secret)
            self._known.setdefault(secret)

    def _all_traces(self) -> list[_Trace]:
        with self._lock:
            more, self._more = self._more, tuple
            self._add(more())
            for secret, traces in self._known.items():
                if traces is None:
                    new = tuple(map(_with_windows, dict.fromkeys(_traces(secret.reveal()))))
                    self._known[secret] = new
                    self._heads.update(_heads(new))
            return [trace for traces in self._known.values() for trace in traces or ()]


_BORDER = "\uffff"
_ANY_HIDDEN = re.compile(re.escape(HIDDEN))


def _fold(text: str) -> str:
    """As many characters as `text` has."""
    return text.translate(_FOLDED).lower()


def _places(trace: _Trace, folded: str) -> Iterator[tuple[int, int]]:
    for place, part in trace.windows:
        at = folded.find(part)
        while at >= 0:
            start, end = _extended(trace.text, place, len(part), folded, at)
            beside = (folded[start - 1 : start] if start else "", folded[end : end + 1])
            if not trace.is_word or not any(map(str.isalnum, beside)):
                yield max(start - trace.before, 0), min(end + trace.after, len(folded))
            at = folded.find(part, end)


def _extended(text: str, place: int, length: int, folded: str, at: int) -> tuple[int, int]:
    """From where to where `folded` goes on as `text` does around what they share: `text[place:place + length]`."""
    start, end = at, at + length
    # Where the secret's first character would be.
    zero = at - place
    while start > max(zero, 0) and folded[start - 1] == text[start - 1 - zero]:
        start -= 1
    while end < min(zero + len(text), len(folded)) and folded[end] == text[end - zero]:
        end += 1
    return start, end


def _heads(traces: Iterable[_Trace]) -> Iterator[str]:
    return (part[:_FEWEST] for trace in traces for _, part in trace.windows)


def _with_windows(trace: _Trace) -> _Trace:
    text = trace.text
    length = min(max(len(text) // 2, _FEWEST), _MOST, len(text))
    rest = min(len(text), 2 * _MOST) - length
    places = dict.fromkeys((0, rest // 2, rest))
    return trace._replace(windows=tuple((place, text[place : place + length]) for place in places))


def _traces(secret: str) -> Iterator[_Trace]:
    size = len(secret)
    for text in (secret, secret.lower(), secret.upper(), *unescaped(secret)):
        for plain in (text, _octets(text)):
            yield _Trace(_fold(plain), size, is_word=len(plain) < _SHORTEST_PART)
    if size < _SHORTEST_PART:
        for text in (secret, secret.lower(), secret.upper()):
            yield _Trace(_utf8(text).hex(), size, is_word=True)
            yield _Trace(_fold(_base64(_utf8(text)).rstrip("=")), size, is_word=True)
        return
    yield _Trace(_utf8(secret).hex(), size)
    # Where case is lost there is no way back from base64, so it is gone the other way.
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


def _base64_behind(start: int, data: bytes, size: int) -> _Trace:
    """Base64 of `data` where it begins `start` bytes into a group, without what bytes beside it have a part in."""
    encoded = _base64(b"\0" * start + data)
    first, last = -(-8 * start // 6), 8 * (start + len(data)) // 6
    return _Trace(_fold(encoded[first:last]), size, before=bool(start), after=bool((start + len(data)) % 3))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(text: str) -> str:
    """As it reads where UTF-8 is taken for Latin-1, which headers are."""
    return _utf8(text).decode("latin-1")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _merged(places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for start, end in sorted(places):
        if current and start <= current[1]:
            current = (current[0], max(current[1], end))
        else:
            if current:
                yield current
            current = (start, end)
    if current:
        yield current

"""Removes secrets from what a server says, however it encodes them.

A server may repeat any secret that it received, in any part of a response. The scrubber undoes the encodings that
software commonly applies to a text, see `ocikit.registry.decoding`. It cannot stop a server that disguises a secret on
purpose.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable

from ocikit.errors import OcikitError
from ocikit.registry.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from ocikit.registry.traces import Trace

# Characters of a text that are kept. The search continues behind them, so that a secret at their end is recognised.
LONGEST = 8 * 1024
_REACH = 4 * 1024
_PART = 64 * 1024
# Limit on the characters of secrets that servers sent, of which the newest are remembered: a server may send any
# number.
_MOST_PASSING = 1024 * 1024
# Base64 within base64, hexadecimal digits, or both.
DEPTH = 2


class Scrubber:
    """Knows secrets, and removes them from texts; threads may share it.

    `more` returns further secrets. It is called, and everything else computed, when there is a text to search.
    """

    def __init__(self, more: Callable[[], Iterable[Secret]] = tuple) -> None:
        self._more = more
        # In the order in which they were learned.
        self._lasting: dict[Secret, None] = {}
        self._passing: dict[Secret, None] = {}
        self._passing_size = 0
        self._traces: dict[Secret, tuple[Trace, ...]] = {}
        self._heads: set[str] = set()
        self._lock = threading.Lock()

    def learn(self, *secrets: Secret | None) -> None:
        """Hide these secrets, too, from now on."""
        with self._lock:
            self._lasting.update(dict.fromkeys(filter(None, secrets)))

    def learn_passing(self, *secrets: Secret) -> None:
        """Hide secrets that a server sent; the oldest are forgotten if there are too many."""
        with self._lock:
            for secret in filter(None, secrets):
                if secret not in self._passing:
                    self._passing[secret] = None
                    self._passing_size += len(secret.reveal())
            while self._passing_size > _MOST_PASSING:
                oldest = next(iter(self._passing))
                del self._passing[oldest]
                self._passing_size -= len(oldest.reveal())
                self._traces.pop(oldest, None)

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

        `depth`: how often base64 and digits are decoded; 0, for long texts, finds only one level of them.
        """
        # In parts: the decoded forms of a text take many times its memory.
        parts = (text[start : start + _PART + _REACH] for start in range(0, len(text), _PART))
        return any(True for part in parts for _ in self._found(part, shortest, depth))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Remove secrets from the errors that the body raises."""
        try:
            yield
        except OcikitError as error:
            error.reword(self.scrubbed)
            raise

    def _found(self, text: str, shortest: int = 0, depth: int = DEPTH) -> Iterator[tuple[int, int]]:
        """The spans of `text` that reveal a secret, unordered."""
        traces = [trace for trace in self._all_traces() if trace.size >= shortest]
        if not traces:
            return
        # A run without errors and warnings does not need to load this.
        from ocikit.registry.traces import places  # noqa: PLC0415

        hidden = list(_occurrences(HIDDEN, text))
        for start, end in places(text, traces, self._heads, depth):
            # If a password is "secret", text that is already hidden stays as it is.
            if not any(first <= start and end <= last for first, last in hidden):
                yield start, end

    def _all_traces(self) -> list[Trace]:
        with self._lock:
            more, self._more = self._more, tuple
            self._lasting.update(dict.fromkeys(filter(None, more())))
            secrets = {**self._lasting, **self._passing}
            for secret in secrets:
                if secret not in self._traces:
                    from ocikit.registry.traces import traces_of  # noqa: PLC0415

                    self._traces[secret] = traces_of(secret.reveal())
                    self._heads.update(head for trace in self._traces[secret] for head in trace.heads)
            return [trace for secret in secrets for trace in self._traces[secret]]


def _occurrences(part: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(part)
    while at >= 0:
        yield at, at + len(part)
        at = text.find(part, at + len(part))


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

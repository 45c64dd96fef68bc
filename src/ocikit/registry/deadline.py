"""Time limits of one exchange with a host, checked before and after every wait for it. Pure.

A timeout of a socket covers one wait, and each byte restarts it: a host that sends a byte every two seconds holds a
client for hours. So everything small (a connection, a status line, headers, a token, an error) has a deadline as a
whole, and everything that may be large (a layer, in either direction) has a minimum speed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from ocikit.units import human_bytes


@dataclass(frozen=True)
class Limits:
    """Limits of an exchange, in seconds and bytes.

    `connect`: until the host is found and one of its addresses accepts the connection; then once more for a proxy's
    response, and for TLS. `silence`: in which nothing arrives, or nothing is accepted. `answer`: for a whole response
    that is not streamed, from the end of the request on; it has at most `answer_size` bytes on the wire. `rate`:
    minimum bytes per second of a stream, in every `window` of waiting for it. 16 connections that share a line of 256
    kbit/s have twice that. `beside`: maximum bytes that are not content (chunk extensions, trailers) in one read of a
    stream.
    """

    connect: float = 10.0
    silence: float = 60.0
    answer: float = 120.0
    answer_size: int = 32 * 1024 * 1024
    rate: float = 1024.0
    window: float = 60.0
    beside: int = 1024 * 1024


DEFAULT_LIMITS = Limits()

_CONNECTING, _SENDING, _ANSWERING, _STREAMING = "connecting", "sending", "answering", "streaming"
_WITH_DEADLINE = (_CONNECTING, _ANSWERING)
_NEVER = float("inf")
_EVERYTHING = 1 << 62
# Each of several addresses may take at least this long to accept.
_LEAST_SHARE_SECONDS = 2.0


class OverLimit(OSError):
    """A limit was exceeded; the text names it, as the end of a sentence. HTTP libraries pass an OSError on."""


class Silence(OverLimit):
    """Nothing arrived at all."""


class Pace:
    """The limits of one exchange, and how much of them is used; for one thread.

    An exchange has up to four phases; a method begins each. The caller asks for `allowance` before every wait, and
    calls `done` or raises `timed_out` after it.
    """

    __slots__ = ("_at", "_beside", "_clock", "_counting", "_deadline", "_limits", "_phase", "_size", "_waited")

    _waited: float

    def __init__(self, limits: Limits = DEFAULT_LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock

    def connecting(self) -> None:
        """Begin when the host, or a proxy that is to connect to it, has accepted: a deadline."""
        self._deadline = self._clock() + self._limits.connect
        self._phase, self._size = _CONNECTING, 0

    def sending(self) -> None:
        """Begin to send the request: a minimum speed."""
        self._stream(_SENDING)

    def answering(self) -> None:
        """Begin when the request was sent: a deadline for the whole response."""
        self._deadline = self._clock() + self._limits.answer
        self._phase, self._size = _ANSWERING, 0

    def streaming(self) -> None:
        """Begin to read a response of any length: a minimum speed of the content that `expect` announces."""
        self._stream(_STREAMING)

    def expect(self, size: int) -> None:
        """Announce a read of `size` bytes of content; other bytes do not count as progress.

        Chunk extensions and trailers may be endless.
        """
        self._counting, self._beside = size, 0

    def allowance(self) -> float:
        """Seconds that the next wait may take. Raises OverLimit if no time is left."""
        self._at = now = self._clock()
        silence = self._limits.silence
        if now + silence <= self._deadline:
            return silence
        if now >= self._deadline:
            raise self._too_late()
        return self._deadline - now

    def done(self, size: int) -> None:
        """Count a wait that sent or received `size` bytes.

        Raises OverLimit if they are too few for the time, or too many for a response.
        """
        if self._phase in _WITH_DEADLINE:
            self._size += size
            if self._size > self._limits.answer_size:
                raise OverLimit(f"expected a response of at most {human_bytes(self._limits.answer_size)}, got more")
            return
        counted = min(size, self._counting)
        self._counting -= counted
        self._size += counted
        self._beside += size - counted
        if self._beside > self._limits.beside:
            raise OverLimit(f"expected at most {human_bytes(self._limits.beside)} besides the content, got more")
        self._waited += self._clock() - self._at
        if self._waited < self._limits.window:
            return
        if self._size < self._limits.rate * self._waited:
            raise self._too_slow()
        self._waited, self._size = 0.0, 0

    def timed_out(self) -> OverLimit:
        """The error for a wait in which nothing arrived."""
        now = self._clock()
        if now >= self._deadline:
            return self._too_late()
        if self._phase == _SENDING:
            self._waited += now - self._at
            return self._too_slow()
        return Silence(f"no response within {self._limits.silence:g} seconds")

    def _stream(self, phase: str) -> None:
        self._phase, self._deadline = phase, _NEVER
        self._counting, self._beside = _EVERYTHING, 0
        self._waited, self._size = 0.0, 0

    def _too_late(self) -> OverLimit:
        if self._phase == _CONNECTING:
            return OverLimit(f"the proxy did not connect within {self._limits.connect:g} seconds")
        return OverLimit(f"the response was not complete within {self._limits.answer:g} seconds")

    def _too_slow(self) -> OverLimit:
        least, found = human_bytes(round(self._limits.rate)), human_bytes(round(self._size / self._waited))
        verb = "take" if self._phase == _SENDING else "send"
        return OverLimit(
            f"too slow: expected the host to {verb} at least {least} a second, "
            f"got {found} a second in {self._waited:.0f} seconds"
        )


def share(left: float, addresses: int) -> float:
    """Seconds to wait for one address to accept, if `left` are left for `addresses` addresses in total. Pure.

    Two addresses that hang get half of the time each; of a thousand, the first five get all of it.
    """
    return max(left / addresses, min(left, _LEAST_SHARE_SECONDS))

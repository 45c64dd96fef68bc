"""How long one exchange with a host may take: decided before and after every wait for the host. Pure.

A timeout of a socket is for one wait, and a host that gives one byte in time starts it again: with a byte every two
seconds it holds a client for hours. So what has no size to speak of (a connection, a status line, headers, a token, an
error) has a deadline as a whole, and what is as long as it is (a layer, in either direction) has a least speed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from ocikit.human import human_bytes


@dataclass(frozen=True)
class Limits:
    """Seconds, and bytes.

    `connect`: until a host is found and one of its addresses accepts the connection; then once more for a proxy's
    answer, and for TLS. `silence`: in which nothing comes, or nothing is taken. `answer`: for all of an answer that is
    not a stream, after all of the request was sent; it has at most `answer_size` bytes as they go over the wire.
    `rate`: bytes in a second that a stream must have in every `window` of waiting for it. 16 connections that share
    a line of 256 kbit/s have twice that. `beside`: bytes that are not of the stream, where one read of it meets them.
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
# An address of several that does not answer leaves the others at least so much.
_LEAST_SHARE_SECONDS = 2.0


class OverLimit(OSError):
    """A limit was passed; the text says which, as the end of a sentence. A kind of error that libraries pass on."""


class Silence(OverLimit):
    """Nothing came at all."""


class Pace:
    """The limits of one exchange, and how far it has used them up; for one thread.

    An exchange has up to four phases, each of which is said to begin. Whoever waits in one asks for `allowance` before,
    and says `done`, or raises `timed_out`, after.
    """

    __slots__ = ("_at", "_beside", "_clock", "_counting", "_deadline", "_limits", "_phase", "_size", "_waited")

    _waited: float

    def __init__(self, limits: Limits = DEFAULT_LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock

    def connecting(self) -> None:
        """The host is there, or a proxy in front of it, which is to connect: a deadline."""
        self._deadline = self._clock() + self._limits.connect
        self._phase, self._size = _CONNECTING, 0

    def sending(self) -> None:
        """The request goes out: a least speed."""
        self._stream(_SENDING)

    def answering(self) -> None:
        """The request is out: a deadline for the whole answer."""
        self._deadline = self._clock() + self._limits.answer
        self._phase, self._size = _ANSWERING, 0

    def streaming(self) -> None:
        """The answer is as long as it is: a least speed of what is `wanted` of it."""
        self._stream(_STREAMING)

    def wanted(self, size: int) -> None:
        """So many bytes of the stream are to be read next; what comes beside them is no progress.

        Extensions of chunks and trailers need not have an end.
        """
        self._counting, self._beside = size, 0

    def allowance(self) -> float:
        """Seconds that the next wait may take. Raises OverLimit where no time is left."""
        self._at = now = self._clock()
        silence = self._limits.silence
        if now + silence <= self._deadline:
            return silence
        if now >= self._deadline:
            raise self._too_late()
        return self._deadline - now

    def done(self, size: int) -> None:
        """The wait is over: `size` bytes were sent, or came. Raises OverLimit where they were too few for the time, or
        too many for an answer.
        """
        if self._phase in _WITH_DEADLINE:
            self._size += size
            if self._size > self._limits.answer_size:
                raise OverLimit(f"expected an answer of at most {human_bytes(self._limits.answer_size)}, got more")
            return
        counted = min(size, self._counting)
        self._counting -= counted
        self._size += counted
        self._beside += size - counted
        if self._beside > self._limits.beside:
            raise OverLimit(f"expected at most {human_bytes(self._limits.beside)} beside the content, got more")
        self._waited += self._clock() - self._at
        if self._waited < self._limits.window:
            return
        if self._size < self._limits.rate * self._waited:
            raise self._too_slow()
        self._waited, self._size = 0.0, 0

    def timed_out(self) -> OverLimit:
        """Why the wait that was allowed brought nothing."""
        now = self._clock()
        if now >= self._deadline:
            return self._too_late()
        if self._phase == _SENDING:
            self._waited += now - self._at
            return self._too_slow()
        return Silence(f"no answer within {self._limits.silence:g} seconds")

    def _stream(self, phase: str) -> None:
        self._phase, self._deadline = phase, _NEVER
        self._counting, self._beside = _EVERYTHING, 0
        self._waited, self._size = 0.0, 0

    def _too_late(self) -> OverLimit:
        if self._phase == _CONNECTING:
            return OverLimit(f"the proxy did not connect within {self._limits.connect:g} seconds")
        return OverLimit(f"the answer was not complete within {self._limits.answer:g} seconds")

    def _too_slow(self) -> OverLimit:
        least, found = human_bytes(round(self._limits.rate)), human_bytes(round(self._size / self._waited))
        verb = "take" if self._phase == _SENDING else "send"
        return OverLimit(
            f"too slow: expected the host to {verb} at least {least} a second, "
            f"got {found} a second in {self._waited:.0f} seconds"
        )


def share(left: float, addresses: int) -> float:
    """Seconds to wait for one address to accept, where `left` are left for it and others, `addresses` in all. Pure.

    Two that hang have half of the time each; of a thousand the first five have all of it.
    """
    return max(left / addresses, min(left, _LEAST_SHARE_SECONDS))

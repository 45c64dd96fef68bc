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
    a line of 256 kbit/s have twice that.
    """

    connect: float = 10.0
    silence: float = 60.0
    answer: float = 120.0
    answer_size: int = 32 * 1024 * 1024
    rate: float = 1024.0
    window: float = 60.0


DEFAULT_LIMITS = Limits()

# An address of several that does not answer leaves the others at least so much.
_LEAST_SHARE_SECONDS = 2.0


class OverLimit(OSError):
    """A limit was passed; the text says which, as the end of a sentence. A kind of error that libraries pass on."""


class Pace:
    """The limits of one exchange, and how far it has used them up; for one thread.

    It is in one of four phases, and begins in the first. Whoever waits asks for `allowance` before, and says `done`, or
    raises `timed_out`, after.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._started = 0.0
        self.connecting()

    def connecting(self) -> None:
        """The host, or the proxy in front of it, is to be spoken to: a deadline."""
        self._finish_within(self._limits.connect, "the proxy did not connect")

    def sending(self) -> None:
        """The request goes out: a least speed."""
        self._stream("to take")

    def answering(self) -> None:
        """The request is out: a deadline for the whole answer."""
        self._finish_within(self._limits.answer, "the answer was not complete")

    def streaming(self) -> None:
        """The answer is as long as it is: a least speed of what is `wanted` of it."""
        self._stream("to send")

    def wanted(self, size: int) -> None:
        """So many bytes of the stream are to be read next; what comes beside them is no progress, however much it is.

        Chunks, their extensions and trailers have no end, either.
        """
        self._counting = size

    def allowance(self) -> float:
        """Seconds that the next wait may take. Raises OverLimit where no time is left."""
        self._started = now = self._clock()
        if self._deadline is None:
            return self._limits.silence
        left = self._deadline - now
        if left <= 0:
            raise OverLimit(self._deadline_text)
        return min(self._limits.silence, left)

    def done(self, size: int) -> None:
        """The wait is over: `size` bytes were sent, or came. Raises OverLimit where they were too few for the time, or
        too many for an answer.
        """
        if self._deadline is not None:
            self._size += size
            if self._size > self._limits.answer_size:
                raise OverLimit(f"expected an answer of at most {human_bytes(self._limits.answer_size)}, got more")
            return
        counted = min(size, self._counting)
        self._counting -= counted
        self._size += counted
        self._waited += self._clock() - self._started
        if self._waited < self._limits.window:
            return
        if self._size < self._limits.rate * self._waited:
            raise self._too_slow()
        self._waited, self._size = 0.0, 0

    def timed_out(self) -> OverLimit:
        """Why the wait that was allowed brought nothing."""
        if self._deadline is not None and self._clock() >= self._deadline:
            return OverLimit(self._deadline_text)
        if self._deadline is None and self._verb == "to take":
            self._waited += self._clock() - self._started
            return self._too_slow()
        return OverLimit(f"no answer within {self._limits.silence:g} seconds")

    def _finish_within(self, seconds: float, what: str) -> None:
        self._deadline: float | None = self._clock() + seconds
        self._deadline_text = f"{what} within {seconds:g} seconds"
        self._size = 0

    def _stream(self, verb: str) -> None:
        self._deadline = None
        self._verb = verb
        self._counting = _EVERYTHING
        self._waited = 0.0
        self._size = 0

    def _too_slow(self) -> OverLimit:
        least, found = human_bytes(round(self._limits.rate)), human_bytes(round(self._size / self._waited))
        return OverLimit(
            f"too slow: expected the host {self._verb} at least {least} a second, "
            f"got {found} a second in {self._waited:.0f} seconds"
        )


def share(left: float, addresses: int) -> float:
    """Seconds to wait for one address to accept, where `left` are left for it and others, `addresses` in all. Pure.

    Two that hang have half of the time each; of a thousand the first five have all of it.
    """
    return max(left / addresses, min(left, _LEAST_SHARE_SECONDS))


_EVERYTHING = 1 << 62

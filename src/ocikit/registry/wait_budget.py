"""How long a whole run waits for registries: in total, for any reason. Pure.

A registry that takes 50 seconds for every response exhausts no retries and passes no deadline, but holds up a run of a
thousand images for hours. So the budget counts pauses, waits for responses that never came, and the part of every
exchange that exceeds what a healthy registry takes at most.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

TOTAL_SECONDS = 600.0
# A response may take QUICK_SECONDS, and time at SLOW_RATE for the bytes of its body or the request's: a registry has to
# read, hash and store a layer before it responds. No line is expected to be slower.
QUICK_SECONDS, SLOW_RATE = 5.0, 16 * 1024.0


def lateness(seconds: float, size: int) -> float:
    """The part that counts as waiting in an exchange that took `seconds` and moved `size` bytes.

    >>> lateness(3.0, 0), lateness(45.0, 0), lateness(45.0, 1024 * 1024)
    (0.0, 40.0, 0.0)
    """
    return max(0.0, seconds - QUICK_SECONDS - size / SLOW_RATE)


class WaitBudget:
    """Counts the `seconds` in which at least one request of a run waits; shared by threads and clients.

    `used`: seconds that an earlier process of the run waited. Once none are left, each host that makes the run wait is
    given up: it gets no more requests, and its running transfers are aborted. Other hosts are not affected.
    """

    def __init__(
        self, seconds: float = TOTAL_SECONDS, *, used: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._left = seconds - used
        self._clock = clock
        # All time until here is counted: simultaneous waits count once. Streams have a mark of their own, because a
        # stream that progresses must not hide what other requests wait for.
        self._counted = self._streamed = clock()
        # How far all streams together are behind. They may share a line, so that each is slow and none is at fault;
        # another stream, or the same one later, can make up for it.
        self._behind = 0.0
        # Hosts that get no more requests.
        self.given_up: set[str] = set()
        self._lock = threading.Lock()

    def used(self) -> float:
        """Seconds that were used, at most the whole budget."""
        with self._lock:
            return min(self.seconds, self.seconds - self._left + self._behind)

    def pause(self, seconds: float) -> bool:
        """Use `seconds` for a pause before a retry; False if too few are left."""
        with self._lock:
            until = self._clock() + seconds
            more = until - max(until - seconds, self._counted)
            if more > self._left:
                return False
            self._left -= max(0.0, more)
            self._counted = max(self._counted, until)
            return True

    def waited(self, host: str, seconds: float) -> None:
        """Count the last `seconds`, spent on a response that was late or did not come."""
        if seconds > 0:
            with self._lock:
                now = self._clock()
                self._left -= max(0.0, now - max(now - seconds, self._counted))
                self._counted = max(self._counted, now)
                self._judge(host)

    def streamed(self, host: str, size: int, seconds: float) -> bool:
        """Count the last `seconds`, which `size` bytes of a stream took; False if the stream must stop."""
        with self._lock:
            now = self._clock()
            more = max(0.0, now - max(now - seconds, self._streamed))
            self._streamed = max(self._streamed, now)
            self._behind = max(0.0, self._behind + more - size / SLOW_RATE)
            if self._behind > 0.0:
                self._judge(host)
            return host not in self.given_up

    def _judge(self, host: str) -> None:
        if self._left - self._behind <= 0:
            self.given_up.add(host)

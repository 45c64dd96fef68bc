"""How long a whole run waits for registries: in all, whatever it is that they let it wait for. Pure.

A registry that answers every request, each in 50 seconds, wears out no retry and passes no deadline, and holds a run of
a thousand images for hours all the same. So what an exchange takes beyond what a registry that is well takes at most
is counted, as are pauses, and answers that did not come.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

TOTAL_SECONDS = 600.0
# An answer may take this much, and more for what it, or its request, carries: a registry has to read, hash and store a
# layer before it says that it has it. Nobody's line is slower than that.
QUICK_SECONDS, SLOW_RATE = 5.0, 16 * 1024.0


def lateness(seconds: float, size: int) -> float:
    """The part that counts as waiting of an exchange that took `seconds` and moved `size` bytes.

    >>> lateness(3.0, 0), lateness(45.0, 0), lateness(45.0, 1024 * 1024)
    (0.0, 40.0, 0.0)
    """
    return max(0.0, seconds - QUICK_SECONDS - size / SLOW_RATE)


class WaitBudget:
    """Counts for how many of `seconds` at least one request of a run waited; shared by threads and clients.

    `used`: those that an earlier process of the run waited. When none are left, whoever lets the run wait once more is
    given up: it is not asked again, and what it sends, or takes, is broken off. Others are spoken to as before.
    """

    def __init__(
        self, seconds: float = TOTAL_SECONDS, *, used: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._left = seconds - used
        self._clock = clock
        # Until here everything was counted: what several waited for at the same time counts once. Streams have their
        # own: that one goes on is no reason not to count what others wait for.
        self._counted = self._streamed = clock()
        # What streams are behind, all together. They may share a line, so that each is slow and all are well; and what
        # one is behind another one, or the same later, makes good.
        self._behind = 0.0
        # Hosts that are not spoken to again.
        self.given_up: set[str] = set()
        self._lock = threading.Lock()

    def used(self) -> float:
        """Seconds, at most all that there were."""
        with self._lock:
            return min(self.seconds, self.seconds - self._left + self._behind)

    def pause(self, seconds: float) -> bool:
        """Whether a request may wait for so long before it is sent again."""
        with self._lock:
            until = self._clock() + seconds
            more = until - max(until - seconds, self._counted)
            if more > self._left:
                return False
            self._left -= max(0.0, more)
            self._counted = max(self._counted, until)
            return True

    def waited(self, host: str, seconds: float) -> None:
        """For an answer that came late, or did not come, until now."""
        if seconds > 0:
            with self._lock:
                now = self._clock()
                self._left -= max(0.0, now - max(now - seconds, self._counted))
                self._counted = max(self._counted, now)
                self._judge(host)

    def streamed(self, host: str, size: int, seconds: float) -> bool:
        """`size` bytes of a stream took so long, until now. Whether it may go on."""
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

"""When to retry a request, and how long to wait first.

Backoff with full jitter: a random part of a time that doubles. Source: AWS Architecture Blog, "Exponential Backoff And
Jitter". A time that a registry requests in `Retry-After` takes precedence (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime, timezone
from typing import Callable, Union

from ocikit.errors import GivenUp, Misdirected, NetworkError, TooSlow, Unreachable, Untrusted
from ocikit.registry.http import Response
from ocikit.registry.wait_budget import WaitBudget

Outcome = Union[Response, NetworkError]

# One request and four retries; crane retries three times, skopeo and docker five times.
ATTEMPTS = 5
# A request that is too slow takes the maximum time on each attempt.
_ATTEMPTS_OF_SLOW_ONES = 2
# Longest single wait: if a registry asks for more, the run fails with what the registry said.
LONGEST_SECONDS = 60.0

# The only date format that senders may still generate (RFC 9110, section 5.6.7).
_DATE = re.compile(r"[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_SECONDS = 1.0
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


def is_transient(outcome: Outcome, *, known: bool = True) -> bool:
    """Whether the same request may succeed later. `known`: the host has responded before.

    A host that never responded is assumed to be a wrong address. A host that is not trusted, too private or given up
    stays so.
    """
    if isinstance(outcome, Response):
        return outcome.status in TRANSIENT
    if isinstance(outcome, (Untrusted, Misdirected, GivenUp)):
        return False
    return known or not isinstance(outcome, Unreachable)


def delay(attempt: int, outcome: Outcome, *, now: float, jitter: float, known: bool = True) -> float | None:
    """Seconds to wait after `attempt` (1 is the first) had this outcome; None to stop.

    Pure: `now` is the time in seconds since 1970, `jitter` a random number from 0 to 1.
    """
    attempts = _ATTEMPTS_OF_SLOW_ONES if isinstance(outcome, TooSlow) else ATTEMPTS
    if attempt >= attempts or not is_transient(outcome, known=known):
        return None
    asked = retry_after(outcome, now) if isinstance(outcome, Response) else None
    if asked is None:
        return jitter * min(LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (attempt - 1))
    return asked + jitter if asked + jitter <= LONGEST_SECONDS else None


def retry_after(answer: Response, now: float) -> float | None:
    """The seconds that `Retry-After` requests, as a number or as a date; None if it is missing or invalid."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        # More digits mean years, which exceed every limit.
        return float(text[:9])
    found = _DATE.fullmatch(text)
    if not found:
        return None
    day, month, year, hours, minutes, seconds = found.groups()
    try:
        date = datetime(
            int(year),
            _MONTHS.index(month) + 1,
            int(day),
            int(hours),
            int(minutes),
            int(seconds),
            tzinfo=timezone.utc,
        )
        return max(0.0, date.timestamp() - now)
    except ValueError:
        return None


class RetryBudget:
    """Limits the retries of a whole run, and how long it waits; shared by threads and clients.

    Each retry costs one of `retries`; each success returns a fifth. This is the quota of the AWS SDKs' standard mode: a
    registry that is down is given up after a while, one with occasional failures never. `waits`: how long the run
    waits.
    """

    def __init__(
        self,
        retries: float = 100,
        waits: WaitBudget | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.waits = waits or WaitBudget(clock=clock)
        self._most = self._left = retries
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Take one more retry, after a wait of `seconds`; False if the budget is exhausted."""
        with self._lock:
            if self._left < 1 or not self.waits.pause(seconds):
                return False
            self._left -= 1
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._left = min(self._most, self._left + 0.2)

    def without_retries(self) -> RetryBudget:
        """A budget without retries whose waits count towards this one."""
        return RetryBudget(0, self.waits)

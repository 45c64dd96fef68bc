"""When to ask again, and how long to wait first.

Backoff with full jitter: a random part of a time that doubles. Source: AWS Architecture Blog, "Exponential
Backoff And Jitter". What a registry asks for in Retry-After comes first (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import re
import threading
import time
from datetime import datetime, timezone
from typing import Callable, Union

from ocikit.errors import GivenUp, Misdirected, NetworkError, TooSlow, Unreachable, Untrusted
from ocikit.registry.exchange import Answer
from ocikit.registry.wait_budget import WaitBudget

Outcome = Union[Answer, NetworkError]

# Once, and four times again, as crane does three and skopeo and docker five times.
ATTEMPTS = 5
# It takes as long as is allowed each time.
_ATTEMPTS_OF_SLOW_ONES = 2
# More than this is not waited for at once: the run fails with what the registry said.
LONGEST_SECONDS = 60.0

# The one form of a date that is still to be sent (RFC 9110, section 5.6.7).
_DATE = re.compile(r"[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_SECONDS = 1.0
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


def is_transient(outcome: Outcome, *, known: bool = True) -> bool:
    """Whether the same request may succeed later. `known`: the host has answered before.

    A host that never answered is taken for a wrong address; one that is not trusted, or too private, stays so; and one
    that was given up stays given up.
    """
    if isinstance(outcome, Answer):
        return outcome.status in TRANSIENT
    if isinstance(outcome, (Untrusted, Misdirected, GivenUp)):
        return False
    return known or not isinstance(outcome, Unreachable)


def delay(attempt: int, outcome: Outcome, *, now: float, jitter: float, known: bool = True) -> float | None:
    """Seconds to wait after `attempt` (1 is the first) had this outcome, None to stop.

    Pure: `now` is the time in seconds since 1970, `jitter` a random number from 0 to 1.
    """
    attempts = _ATTEMPTS_OF_SLOW_ONES if isinstance(outcome, TooSlow) else ATTEMPTS
    if attempt >= attempts or not is_transient(outcome, known=known):
        return None
    asked = retry_after(outcome, now) if isinstance(outcome, Answer) else None
    if asked is None:
        return jitter * min(LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (attempt - 1))
    return asked + jitter if asked + jitter <= LONGEST_SECONDS else None


def retry_after(answer: Answer, now: float) -> float | None:
    """The seconds that Retry-After means, as a number or as a date; None where it means nothing."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        # Larger numbers are years, which nobody waits for.
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
    """How often a whole run asks again, and how long it waits; shared by threads and clients.

    Each retry costs one of `retries`; each success gives back a fifth. That is the quota of the AWS SDKs'
    standard mode: a registry that is down is given up after a while, one that stumbles now and then never.
    `waits`: how long it waits.
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
        """Whether one more retry, after a wait of `seconds`, may be made."""
        with self._lock:
            if self._left < 1 or not self.waits.pause(seconds):
                return False
            self._left -= 1
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._left = min(self._most, self._left + 0.2)

    def without_retries(self) -> RetryBudget:
        """For who is not asked again: its waits count all the same."""
        return RetryBudget(0, self.waits)

"""How many requests run to a host concurrently, and how far apart they begin.

What a registry accepts is unknown, so the limiter adapts like TCP: a refusal halves the number and the rate of
requests, and each success raises them a little. The rate is for limits of requests per second: on a fast network even
one request at a time can be too many.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

# Per host, for a whole run. docker, podman and crane use 3 to 6 for one image.
CONNECTIONS = 16

_TOO_MANY = (429, 503)
# Requests per second: after the first refusal, the minimum, the rate from which there is no limit, and the increase
# after each success.
_FIRST_RATE, _LEAST_RATE, _MOST_RATE, _MORE = 50.0, 1.0, 500.0, 0.5


class Limiter:
    """Limits requests to each host; shared by the threads and clients of a run.

    A thread that has a turn gets another one immediately: it may be uploading what it downloads from the same host, and
    would wait for itself.
    """

    def __init__(
        self,
        most: int = CONNECTIONS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most = most
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()
        self._held = threading.local()

    def acquire(self, host: str) -> Permit:
        """Wait for a turn, and for the end of a pause; the caller must `release` the permit."""
        found = self._host(host)
        held = getattr(self._held, "permits", 0)
        with found.changed:
            while not held and found.active >= int(found.limit):
                found.changed.wait()
            found.active += 1
            start = max(self._clock(), found.next_start)
            found.next_start = start + (1 / found.rate if found.rate else 0)
            permit = Permit(self, found)
        self._held.permits = held + 1
        try:
            self._sleep_until(start)
            # The pause may have been extended meanwhile.
            while found.paused_until > start:
                start = found.paused_until
                self._sleep_until(start)
        except BaseException:
            permit.release()
            raise
        return permit

    def pause(self, host: str, seconds: float) -> None:
        """Begin no requests to `host` for `seconds`."""
        found = self._host(host)
        with found.changed:
            found.paused_until = max(found.paused_until, self._clock() + seconds)

    def limit(self, host: str) -> int:
        """How many requests to `host` may run concurrently now."""
        return int(self._host(host).limit)

    def _sleep_until(self, moment: float) -> None:
        seconds = moment - self._clock()
        if seconds > 0:
            self._sleep(seconds)

    def _host(self, name: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(name, _Host(self._most))

    def release(self, permit: Permit, status: int | None) -> None:
        host = permit.host
        with host.changed:
            host.active -= 1
            if status in _TOO_MANY and permit.round == host.round:
                # Concurrent requests are refused for the same reason, which counts once.
                host.limit = max(1.0, host.limit / 2)
                host.rate = max(_LEAST_RATE, host.rate / 2) if host.rate else _FIRST_RATE
                host.round += 1
            elif status is not None and status < 400:
                host.limit = min(float(self._most), host.limit + 1 / host.limit)
                host.rate = host.rate + _MORE if 0 < host.rate < _MOST_RATE else 0.0
            host.changed.notify_all()
        # A turn may end in a different thread.
        self._held.permits = max(0, getattr(self._held, "permits", 0) - 1)


class Permit:
    """Permission for one request; ends once."""

    def __init__(self, limiter: Limiter, host: _Host) -> None:
        self._limiter: Limiter | None = limiter
        self.host = host
        self.round = host.round

    def release(self, status: int | None = None) -> None:
        """End the request; `status` is that of its response, if there was one."""
        limiter, self._limiter = self._limiter, None
        if limiter:
            limiter.release(self, status)


class _Host:
    def __init__(self, limit: int) -> None:
        self.limit = float(limit)
        self.active = 0
        self.round = 0
        # Requests per second; 0 for no limit.
        self.rate = 0.0
        self.next_start = 0.0
        self.paused_until = 0.0
        self.changed = threading.Condition()

"""How many requests are under way to a host at once: fewer after 429, more again while all goes well.

Additive increase, multiplicative decrease, as TCP does it: nobody tells what a registry can bear.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

# To one host. For one image, docker, podman and crane use 3 to 6; here it is for a whole run.
CONNECTIONS = 16


class Limiter:
    """Turns to speak to hosts; shared by the threads and clients of a run.

    A thread that has a turn already gets the next one at once: it may be sending what it reads from the
    same host, and would wait for itself.
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

    def enter(self, host: str) -> Turn:
        """Wait for a turn, and for the end of a pause; whoever has it must `leave`."""
        found = self._host(host)
        nested = getattr(self._held, "turns", 0) > 0
        while True:
            with found.changed:
                wait = found.paused_until - self._clock()
                if wait <= 0 and (nested or found.active < int(found.limit)):
                    found.active += 1
                    self._held.turns = getattr(self._held, "turns", 0) + 1
                    return Turn(self, found)
                if wait <= 0:
                    found.changed.wait()
                    continue
            self._sleep(wait)

    def pause(self, host: str, seconds: float) -> None:
        """Nobody begins to speak to `host` before `seconds` are over."""
        found = self._host(host)
        with found.changed:
            found.paused_until = max(found.paused_until, self._clock() + seconds)

    def limit(self, host: str) -> int:
        """How many requests may be under way to `host` now."""
        return int(self._host(host).limit)

    def _host(self, name: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(name, _Host(self._most))

    def leave(self, turn: Turn, status: int | None) -> None:
        host = turn.host
        with host.changed:
            host.active -= 1
            if status == 429 and turn.round == host.round:
                # What was under way beside it is refused for the same reason: that counts once.
                host.limit = max(1.0, host.limit / 2)
                host.round += 1
            elif status is not None and status < 400:
                host.limit = min(float(self._most), host.limit + 1 / host.limit)
            host.changed.notify_all()
        # A turn may end in another thread than it began in.
        self._held.turns = max(0, getattr(self._held, "turns", 0) - 1)


class Turn:
    """Permission for one request; ends once."""

    def __init__(self, limiter: Limiter, host: _Host) -> None:
        self._limiter: Limiter | None = limiter
        self.host = host
        self.round = host.round

    def leave(self, status: int | None = None) -> None:
        """The request is over; `status` is that of its answer, if there was one."""
        limiter, self._limiter = self._limiter, None
        if limiter:
            limiter.leave(self, status)


class _Host:
    def __init__(self, limit: int) -> None:
        self.limit = float(limit)
        self.active = 0
        self.round = 0
        self.paused_until = 0.0
        self.changed = threading.Condition()

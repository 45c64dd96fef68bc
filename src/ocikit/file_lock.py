"""A lock on a directory or file, between processes of this machine, with a timeout."""

from __future__ import annotations

import fcntl
import time

# Each holder only writes a small file, but many processes may be waiting.
SECONDS = 600.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.005


def lock(number: int, seconds: float = SECONDS) -> None:
    """Lock the file descriptor `number` until it is closed. Raises TimeoutError if another process keeps the lock."""
    deadline, pause = time.monotonic() + seconds, _SHORTEST_PAUSE
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"another process has kept it locked for {seconds:g} seconds; end that process, if it hangs"
                ) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return

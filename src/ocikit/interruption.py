"""Exit immediately on a signal (Ctrl-C, Pants, `kill`), whatever this process is waiting for.

An exception in the main thread would take too long: thread pools, and Python itself, first wait for threads that wait
for registries. So the signal handler ends the process; Python calls it in the main thread whatever that waits for.
Callers register how to clean up what would be left behind: temporary files, and programs that they started. All other
code may stop at any moment, as in a power failure.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable

EXIT_CODE = 130

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ending:
    """Actions before this process ends; any thread may call its methods at any time."""

    def __init__(self) -> None:
        self._actions: dict[object, Callable[[], object]] = {}
        self._begun = False

    @contextmanager
    def before(self, action: Callable[[], object]) -> Iterator[None]:
        key = object()
        self._actions[key] = action
        if self._begun:
            # The process is ending: start nothing that `end` would not clean up.
            threading.Event().wait()
        try:
            yield
        finally:
            del self._actions[key]

    def end(self, *_: object) -> None:
        self._begun = True
        for action in tuple(self._actions.values()):
            with suppress(Exception):
                action()
        # Not `sys.exit`: that waits for threads, and flushes incomplete output, perhaps to a reader that has stopped
        # reading.
        os._exit(EXIT_CODE)


_ENDING = _Ending()

before_end = _ENDING.before


def end_when_interrupted() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end this process, except those that its parent has set to be ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ENDING.end)

"""To stop at once when somebody asks for it (Ctrl-C, Pants, `kill`), whatever this process waits for.

The usual way, an exception in the main thread, is not prompt: pools wait at their end for threads that wait for
registries, and so does Python itself. So the process ends where it stands, in the handler of the signal, which Python
calls in the main thread whatever that waits for. What would be left behind is said beforehand: temporary files, and
programs that were started. All else is made so that it may end at any moment, as power may fail.
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
    """What is to be done before this process ends; its methods may be called by any thread at any time."""

    def __init__(self) -> None:
        self._actions: dict[object, Callable[[], object]] = {}
        self._begun = False

    @contextmanager
    def before(self, action: Callable[[], object]) -> Iterator[None]:
        key = object()
        self._actions[key] = action
        if self._begun:
            # Nothing is begun any more that would not be cleared away.
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
        # Without what Python does at its end: it waits for threads, and writes what waits to be written, half of
        # something, to whom may not read.
        os._exit(EXIT_CODE)


_ENDING = _Ending()

before_end = _ENDING.before


def end_when_interrupted() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end this process, unless whoever started it has them ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ENDING.end)

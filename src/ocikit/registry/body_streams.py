"""Bodies in transfer, in both directions: how long the host takes for each part, and when the request ends."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Callable

from ocikit.errors import NetworkError
from ocikit.registry.http import StreamedBody

_PART_SIZE = 64 * 1024

# Called with the bytes of a part and the seconds that it took; raises NetworkError to abort the transfer.
Report = Callable[[int, float], None]


class SentBody:
    """`body`, with a report on each part that the host accepted. Time that we spend on reading it does not count."""

    def __init__(self, body: bytes | StreamedBody, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._body = body
        self._report = report
        self._clock = clock
        self._since = clock()
        self._read_by_us = False

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        self._read_by_us = True
        for part in (self._body,) if isinstance(self._body, bytes) else self._body:
            self._read_by_us, self._since = False, self._clock()
            yield part
            seconds = self.waiting()
            self._read_by_us = True
            self._report(len(part), seconds)
        self._read_by_us, self._since = False, self._clock()

    def waiting(self) -> float:
        """Seconds spent on waiting for the host alone, since it was given the last part."""
        return 0.0 if self._read_by_us else self._clock() - self._since


class HeldBody(io.RawIOBase):
    """`body`, with a report on each part that arrived.

    `closed` is called once the body is closed, `failed` with the seconds of a read that failed.
    """

    def __init__(
        self,
        body: BinaryIO,
        report: Report,
        failed: Callable[[float], None],
        closed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._body = body
        self._report = report
        self._failed = failed
        self._when_closed = closed
        self._clock = clock

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Read a part, of at most `size` bytes: a larger one would be waited for as a whole."""
        if size < 0:
            return self.readall()
        started = self._clock()
        try:
            data = self._body.read(min(size, _PART_SIZE))
        except NetworkError:
            self._failed(self._clock() - started)
            raise
        self._report(len(data), self._clock() - started)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
            self._when_closed()
        super().close()

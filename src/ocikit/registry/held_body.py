"""A body that is read while its request counts as under way."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, Callable


class HeldBody(io.RawIOBase):
    """`body`, with something to do once it is closed."""

    def __init__(self, body: BinaryIO, closed: Callable[[], None]) -> None:
        self._body = body
        self._when_closed = closed

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._body.read(size)

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
            self._when_closed()
        super().close()

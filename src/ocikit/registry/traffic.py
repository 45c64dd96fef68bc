"""The cost of one caller's requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from ocikit.registry.http import Request, StreamedBody

_PART_SIZE = 64 * 1024


class Traffic:
    """Counts requests, including retries and token requests, and the bytes of bodies passed to a socket."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_sent = 0
        self._lock = threading.Lock()

    def counted(self, request: Request) -> Request:
        """Count the request, and return it with a body that is counted while it is sent."""
        with self._lock:
            self.requests += 1
        return replace(request, body=_Counted(request.body, self)) if request.body else request

    def add_bytes(self, size: int) -> None:
        with self._lock:
            self.bytes_sent += size


class _Counted:
    def __init__(self, body: bytes | StreamedBody, traffic: Traffic) -> None:
        self._body = body
        self._traffic = traffic

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in (self._body,) if isinstance(self._body, bytes) else self._body:
            view = memoryview(chunk)
            for start in range(0, len(view), _PART_SIZE):
                part = view[start : start + _PART_SIZE]
                yield part  # type: ignore[misc]
                self._traffic.add_bytes(len(part))

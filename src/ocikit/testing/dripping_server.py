"""A server on a real socket that sends any bytes, as slowly as a test needs.

with DrippingServer(lambda: [b"HTTP/1.1 200 OK\\r\\n", *dripping(b"X: y", 2.0)]) as server:
    ... server.address
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from typing import Callable, Union

# Bytes to send, and seconds to pause in between; perhaps without end.
Part = Union[bytes, float]

_LONGEST_READ = 64 * 1024


class DrippingServer:
    """Reads the head of a request, sends the parts of `reply`, and then keeps the connection open and silent.

    `reads`: how many bytes of the body it reads before the reply, with a pause of `pause_seconds` before each time;
    None: it reads nothing and replies immediately. `tls`: the server's TLS context.
    """

    def __init__(
        self,
        reply: Callable[[], Iterable[Part]] = lambda: (),
        *,
        reads: int | None = 0,
        pause_seconds: float = 0.1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._reply = reply
        self._reads = reads
        self._pause_seconds = pause_seconds
        self._tls = tls
        self._ended = threading.Event()
        # A small buffer, so that the kernel accepts little that the server does not read.
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0

    def __enter__(self) -> DrippingServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self._secured(connection) as connection:
            if self._reads is not None:
                self._read(connection)
            for part in self._reply():
                if isinstance(part, bytes):
                    connection.sendall(part)
                elif self._ended.wait(part):
                    return
            self._ended.wait()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def _read(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(_LONGEST_READ if not self._reads else 1)
            if not data:
                return
            head += data
        while self._reads and not self._ended.wait(self._pause_seconds):
            if not connection.recv(self._reads):
                return


def dripping(data: bytes, seconds: float) -> Iterator[Part]:
    """Yield a byte, a pause, a byte, …"""
    for number in range(len(data)):
        yield data[number : number + 1]
        yield seconds


def forever(data: bytes, seconds: float = 0.0) -> Iterator[Part]:
    """Yield the same bytes without end, with a pause after each time."""
    while True:
        yield data
        if seconds:
            yield seconds

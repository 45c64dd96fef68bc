"""HTTP/1.1 on a socket, for a fake registry: quick to start and to stop, with many connections and faults on demand.

The standard library's server parses headers as mail, which costs more than all that the registry does. It cannot refuse
connections for a while, and waits when it stops.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import BinaryIO, Callable

_LONGEST_LINE = 64 * 1024
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Dropped(Exception):
    """Ends the connection: closes it, or resets it."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


@dataclass(frozen=True)
class FakeAnswer:
    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    body: bytes = b""


class Incoming:
    """A request whose head was read; `read_body` reads the body. Header names are in lower case."""

    def __init__(self, connection: socket.socket, stream: BinaryIO, method: str, target: str) -> None:
        self.method = method
        self.target = target
        self.headers = _read_headers(stream)
        self.client_port: int = connection.getpeername()[1]
        self.body = b""
        self._connection = connection
        self._stream = stream

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    def read_body(self, limit: int | None = None) -> None:
        """Read the body, at most `limit` bytes of it. Raises Dropped if it is incomplete."""
        if self.headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            self.body = self._read_chunks()
            return
        size = int(self.headers.get("content-length", 0))
        count = size if limit is None else min(size, limit)
        self.body = self._stream.read(count)
        if len(self.body) < count:
            raise Dropped

    def read_half(self) -> None:
        """Read half of the body, nothing if its size is unknown, and leave the rest on the socket."""
        size = int(self.headers.get("content-length", 0))
        if size:
            self.read_body(size // 2)

    def send(self, data: bytes) -> None:
        """Send a part of a response."""
        self._connection.sendall(data)

    def wait_for_end(self) -> None:
        """Wait until the other side or this side closes the connection."""
        while self._connection.recv(_LONGEST_LINE):
            pass

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self._stream.readline(_LONGEST_LINE).partition(b";")[0], 16):
            body += self._stream.read(size)
            self._stream.readline(_LONGEST_LINE)
        _read_headers(self._stream)
        return bytes(body)


class FakeServer:
    """Accepts connections at a port of this machine, with a thread for each; `handle` returns the response as bytes.

    `handle` may raise Dropped. `connections` counts accepted connections.
    """

    def __init__(self, handle: Callable[[Incoming], bytes]) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.listening = False

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def start(self) -> None:
        """Accept connections; after `pause` at the same port."""
        with self._lock:
            if self.listening:
                return
            if self._listener.fileno() < 0:
                self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
            self.listening = True
        self._in_thread(self._accept, self._listener)

    def pause(self) -> None:
        """Refuse new connections, and reset the open ones."""
        with self._lock:
            self.listening = False
            # This wakes the thread in `accept`; `close` alone does not.
            with _no_matter():
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for connection in self._open:
                _reset_at_close(connection)
                with _no_matter():
                    connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Pause, and wait for the threads."""
        self.pause()
        for thread in tuple(self._threads):
            if thread is not threading.current_thread():
                thread.join()

    def _in_thread(self, target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(argument,), daemon=True)
        with self._lock:
            self._threads = {t for t in self._threads if t.is_alive() or t.ident is None}
            self._threads.add(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if not self.listening:
                    _reset_at_close(connection)
                    connection.close()
                    return
                self.connections += 1
                self._open.add(connection)
            self._in_thread(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while (incoming := _read_head(connection, stream)) is not None:
                connection.sendall(self._handle(incoming))
                if incoming.headers.get("connection", "").lower() == "close":
                    break
        except Dropped as dropped:
            if dropped.reset:
                _reset_at_close(connection)
        except (OSError, ValueError):
            # The other side went away, or does not speak HTTP.
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            stream.close()
            connection.close()


def to_bytes(answer: FakeAnswer, method: str) -> bytes:
    """Serialise a response; the response to HEAD has the size of the body but no body."""
    headers = dict(answer.headers)
    if answer.status != HTTPStatus.NO_CONTENT:
        headers.setdefault("Content-Length", str(len(answer.body)))
    phrase = next((status.phrase for status in HTTPStatus if status == answer.status), "Whatever")
    lines = (f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", "")
    return "\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else answer.body)


def _read_head(connection: socket.socket, stream: BinaryIO) -> Incoming | None:
    """Read the head of a request, None if the other side closed the connection. Raises Dropped if it is not HTTP."""
    line = stream.readline(_LONGEST_LINE).decode("latin-1")
    words = line.split()
    if len(words) == 3 and words[2].startswith("HTTP/1."):
        return Incoming(connection, stream, words[0], words[1])
    if line:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        raise Dropped
    return None


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := stream.readline(_LONGEST_LINE).decode("latin-1").strip():
        name, _, value = line.partition(":")
        earlier = headers.get(name.lower())
        headers[name.lower()] = value.strip() if earlier is None else f"{earlier}, {value.strip()}"
    return headers


def _reset_at_close(connection: socket.socket) -> None:
    """Let `close` send a reset instead of an end: SO_LINGER with a time of 0."""
    with _no_matter():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _no_matter() -> contextlib.suppress:
    """Suppress errors of sockets that may be closed already."""
    return contextlib.suppress(OSError)

"""A proxy in front of a registry that records every request and counts bytes at the wire.

Benchmarks use it as well, so it costs little: it parses the head of a request, and passes the bytes on in their
original framing. Each connection has a thread; connections to the registry are kept and shared.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

_BLOCK = 256 * 1024
_TIMEOUT = 60
# Headers about one connection, and there are two here. RFC 9110, section 7.6.1.
_HOP_BY_HOP = re.compile(rb"\r\n(?:connection|keep-alive)[ \t]*:[^\r\n]*", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection[ \t]*:[ \t]*close", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
# The first byte of a client that tries TLS first, and the response of a plain registry, which makes it use HTTP
# immediately.
_TLS = b"\x16"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"


@dataclass(frozen=True)
class Exchange:
    """A request and its response. `body`, `answer`: bytes of the two bodies, without their framing.

    `connection`: the number of the connection it came on.
    """

    method: str
    target: str
    status: int
    body: int
    answer: int = 0
    connection: int = 0

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def repository(self) -> str:
        """The repository in the path (`shop/web` in `/v2/shop/web/manifests/latest`), or empty."""
        found = re.match("/v2/(.+?)/(blobs|manifests)/", self.path)
        return found[1] if found else ""

    @property
    def completed_blob(self) -> str:
        """The digest of the blob whose upload this completed, or empty."""
        uploads = "/blobs/uploads/" in self.path and self.status == 201
        return parse_qs(urlsplit(self.target).query).get("digest", [""])[0] if uploads else ""


class CountingProxy:
    """A proxy of `upstream` (host and port). It keeps `Host`, so that redirects lead here again.

    `delay`: seconds added to every request, as for a distant registry. `port`: where the proxy listens; 0 is a free
    port.
    """

    def __init__(self, upstream: str, delay: float = 0, port: int = 0) -> None:
        host, _, upstream_port = upstream.rpartition(":")
        self._upstream = (host, int(upstream_port))
        self._delay = delay
        self._exchanges: list[Exchange] = []
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._idle: list[_Stream] = []
        self._ended = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def take(self) -> tuple[Exchange, ...]:
        """Return the exchanges since the last call."""
        with self._lock:
            taken, self._exchanges = tuple(self._exchanges), []
            return taken

    def take_connections(self) -> int:
        """Return how many connections were opened since the last call, including those without a request."""
        with self._lock:
            taken, self._connections = self._connections, 0
            return taken

    @contextmanager
    def running(self) -> Iterator[CountingProxy]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            # Closing alone would not wake a thread that waits in `accept`.
            self._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listener.close()
            self._disconnect()

    def _accept(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                number += 1
                with self._lock:
                    self._connections += 1
                    self._open.add(client)
                threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _disconnect(self) -> None:
        with self._lock:
            self._ended = True
            for client in self._open:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for stream in self._idle:
                stream.close()
            self._idle = []

    def _serve(self, client: socket.socket, number: int) -> None:
        # The client or the registry may disconnect at any time; the proxy goes on.
        with client, suppress(OSError, EOFError):
            stream = _Stream(client)
            while self._exchange(stream, number):
                pass
        with self._lock:
            self._open.discard(client)

    def _exchange(self, client: _Stream, number: int) -> bool:
        """Pass on one request and its response. Return whether the connection can carry another."""
        head = client.read_head()
        line = _REQUEST_LINE.match(head)
        if not line:
            client.send(_BAD_REQUEST if head else b"")
            return False
        method, target = line[1].decode(), line[2].decode()
        if self._delay:
            time.sleep(self._delay)
        registry, keep = self._connect(), False
        try:
            keep = self._pass_on(client, registry, head, Exchange(method, target, 0, 0, 0, number))
        finally:
            self._release(registry, keep)
        return keep and not _CLOSE.search(head)

    def _pass_on(self, client: _Stream, registry: _Stream, head: bytes, exchange: Exchange) -> bool:
        """Return whether the connection to the registry can carry another exchange."""
        sent, whole = 0, True
        try:
            registry.send(_HOP_BY_HOP.sub(b"", head))
            for block, size in client.body(head):
                registry.send(block)
                sent += size
        except (BrokenPipeError, ConnectionResetError):
            # A registry need not read a body that it refuses: its response is on the way.
            whole = False
        answer = registry.read_head()
        if not answer:
            # Without this proxy, the client would see the same.
            return False
        status = int(answer[9:12])
        bodyless = exchange.method == "HEAD" or status in (204, 304)
        length = _LENGTH.search(answer)
        if bodyless or length:
            blocks: Iterable[tuple[bytes, int]] = () if bodyless else registry.body(answer)
            answered = 0 if bodyless or not length else int(length[1])
        else:
            blocks = tuple(registry.body(answer, until_end=True))
            answered = sum(size for _, size in blocks)
        # Recorded before the response is sent, so that a client with a response finds it recorded.
        with self._lock:
            self._exchanges.append(replace(exchange, status=status, body=sent, answer=answered))
        framed = bodyless or length or _CHUNKED.search(answer)
        keep = bool(whole and framed and not _CLOSE.search(answer))
        client.send(_HOP_BY_HOP.sub(b"", answer) if keep else answer)
        for block, _ in blocks:
            client.send(block)
        return keep

    def _connect(self) -> _Stream:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Stream(socket.create_connection(self._upstream, timeout=_TIMEOUT))

    def _release(self, registry: _Stream, keep: bool) -> None:
        with self._lock:
            if keep and not self._ended:
                self._idle.append(registry)
                return
        registry.close()


class _Stream:
    """A connection, with a buffer of bytes that were read too early."""

    def __init__(self, connection: socket.socket) -> None:
        # A response's head and body are two small packets; the second must not wait for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = connection.sendall
        self.close = connection.close
        self._receive = connection.recv
        self._ahead = b""

    def read_head(self) -> bytes:
        """Read up to the empty line; return nothing if the other side closes before it. TLS has no lines."""
        while (end := self._ahead.find(b"\r\n\r\n")) < 0:
            block = self._receive(_BLOCK)
            self._ahead += block
            if not block:
                return b""
            if self._ahead.startswith(_TLS):
                return self._cut(len(self._ahead))
        return self._cut(end + 4)

    def body(self, head: bytes, *, until_end: bool = False) -> Iterator[tuple[bytes, int]]:
        """The body of `head`, in blocks to pass on, each with the size of its content.

        `until_end`: if `head` has no size, the body ends with the connection, as in a response.
        """
        if _CHUNKED.search(head):
            yield from self._chunks()
        elif length := _LENGTH.search(head):
            yield from self._exactly(int(length[1]))
        elif until_end:
            while block := self._cut(len(self._ahead)) or self._receive(_BLOCK):
                yield block, len(block)

    def _chunks(self) -> Iterator[tuple[bytes, int]]:
        """Read chunks: RFC 9112, section 7.1, without trailers, which are not used here."""
        size = -1
        while size:
            line = self._read_line()
            size = int(line.split(b";")[0], 16)
            yield line, 0
            yield from self._exactly(size)
            yield self._read_line(), 0

    def _exactly(self, size: int) -> Iterator[tuple[bytes, int]]:
        while size:
            block = self._cut(size) or self._receive(min(size, _BLOCK))
            if not block:
                raise EOFError
            size -= len(block)
            yield block, len(block)

    def _read_line(self) -> bytes:
        while (end := self._ahead.find(b"\r\n")) < 0:
            block = self._receive(_BLOCK)
            if not block:
                raise EOFError
            self._ahead += block
        return self._cut(end + 2)

    def _cut(self, size: int) -> bytes:
        """Take this many of the bytes that were read too early."""
        cut, self._ahead = self._ahead[:size], self._ahead[size:]
        return cut

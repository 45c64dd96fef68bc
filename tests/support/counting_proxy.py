"""A proxy in front of a registry that writes down every request: what travels is counted at the wire.

Benchmarks stand on it as well, so it costs little: a request is a head that is looked at, and bytes that are handed on
in whatever framing they came. Each connection has a thread; connections to the registry are kept and shared.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_BLOCK = 256 * 1024
_TIMEOUT = 60
# About one connection, of which there are two here. RFC 9110, section 7.6.1.
_HOP_BY_HOP = re.compile(rb"\r\n(?:connection|keep-alive)[ \t]*:[^\r\n]*", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection[ \t]*:[ \t]*close", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
# How a client begins that tries TLS first, and the answer that makes it speak HTTP at once: a plain registry's.
_TLS = b"\x16"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"


@dataclass(frozen=True)
class Exchange:
    """A request and how it was answered. `body`, `answer`: bytes of the two bodies, without their framing.

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
        """`shop/web` of `/v2/shop/web/manifests/latest`; empty where the path names none."""
        found = re.match("/v2/(.+?)/(blobs|manifests)/", self.path)
        return found[1] if found else ""

    @property
    def completed_blob(self) -> str:
        """The digest of the blob whose upload this ended, or empty."""
        uploads = "/blobs/uploads/" in self.path and self.status == 201
        return parse_qs(urlsplit(self.target).query).get("digest", [""])[0] if uploads else ""


class CountingProxy:
    """Hands everything on to `upstream` (host and port), `Host` included, so that its redirects lead here again.

    `delay`: seconds that are added to every request, as a registry at some distance would. `port`: where it listens
    itself; 0 is a free one.
    """

    def __init__(self, upstream: str, delay: float = 0, port: int = 0) -> None:
        host, _, upstream_port = upstream.rpartition(":")
        self._upstream = (host, int(upstream_port))
        self._delay = delay
        self._exchanges: list[Exchange] = []
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._idle: list[_Stream] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def take(self) -> tuple[Exchange, ...]:
        """What happened since the last call."""
        with self._lock:
            taken, self._exchanges = tuple(self._exchanges), []
            return taken

    def take_connections(self) -> int:
        """How many connections were opened since the last call, those included that carried no request."""
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
            # Closing alone would not wake who waits in `accept`.
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
            for client in self._open:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for stream in self._idle:
                stream.close()
            self._idle = []

    def _serve(self, client: socket.socket, number: int) -> None:
        # A client may go away at any time, and so may the registry; neither ends the proxy.
        with client, suppress(OSError, EOFError):
            stream = _Stream(client)
            while self._exchange(stream, number):
                pass
        with self._lock:
            self._open.discard(client)

    def _exchange(self, client: _Stream, number: int) -> bool:
        """One request and its answer. Returns whether the connection is good for another."""
        head = client.read_head()
        line = _REQUEST_LINE.match(head)
        if not line:
            client.send(_BAD_REQUEST if head else b"")
            return False
        method, target = line[1].decode(), line[2].decode()
        if self._delay:
            time.sleep(self._delay)
        registry = self._connect()
        sent, whole = 0, True
        try:
            registry.send(_HOP_BY_HOP.sub(b"", head))
            for block, size in client.body(head):
                registry.send(block)
                sent += size
        except (BrokenPipeError, ConnectionResetError):
            # It need not read a body that it refuses: its answer is on the way.
            whole = False
        answer = registry.read_head()
        if not answer:
            # What the client would have seen without this proxy.
            registry.close()
            return False
        status = int(answer[9:12])
        bodyless = method == "HEAD" or status in (204, 304)
        length = _LENGTH.search(answer)
        if bodyless or length:
            blocks: Iterable[tuple[bytes, int]] = () if bodyless else registry.body(answer)
            answered = 0 if bodyless or not length else int(length[1])
        else:
            blocks = tuple(registry.body(answer, until_end=True))
            answered = sum(size for _, size in blocks)
        # Told before it is answered: whoever has the answer finds it recorded.
        with self._lock:
            self._exchanges.append(Exchange(method, target, status, sent, answered, number))
        framed = bodyless or length or _CHUNKED.search(answer)
        keep = bool(whole and framed and not _CLOSE.search(answer))
        client.send(_HOP_BY_HOP.sub(b"", answer) if keep else answer)
        for block, _ in blocks:
            client.send(block)
        self._release(registry, keep)
        return keep and not _CLOSE.search(head)

    def _connect(self) -> _Stream:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Stream(socket.create_connection(self._upstream, timeout=_TIMEOUT))

    def _release(self, registry: _Stream, keep: bool) -> None:
        if not keep:
            registry.close()
            return
        with self._lock:
            self._idle.append(registry)


class _Stream:
    """A connection, and what was read from it too early."""

    def __init__(self, connection: socket.socket) -> None:
        # An answer's head and body are two small packets; the second must not wait for the first one's receipt.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = connection.sendall
        self.close = connection.close
        self._receive = connection.recv
        self._ahead = b""

    def read_head(self) -> bytes:
        """All up to the empty line; nothing if the other side ends before it. What is TLS has no lines."""
        while (end := self._ahead.find(b"\r\n\r\n")) < 0:
            block = self._receive(_BLOCK)
            self._ahead += block
            if not block:
                return b""
            if self._ahead.startswith(_TLS):
                return self._cut(len(self._ahead))
        return self._cut(end + 4)

    def body(self, head: bytes, *, until_end: bool = False) -> Iterator[tuple[bytes, int]]:
        """The body that belongs to `head`, in blocks as they are to be handed on, each with how much of it is content.

        `until_end`: where `head` says no size, the body ends with the connection, as that of an answer does.
        """
        if _CHUNKED.search(head):
            yield from self._chunks()
        elif length := _LENGTH.search(head):
            yield from self._exactly(int(length[1]))
        elif until_end:
            while block := self._cut(len(self._ahead)) or self._receive(_BLOCK):
                yield block, len(block)

    def _chunks(self) -> Iterator[tuple[bytes, int]]:
        """RFC 9112, section 7.1, without trailers, which nobody sends here."""
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
        """So much of what was read too early."""
        cut, self._ahead = self._ahead[:size], self._ahead[size:]
        return cut

"""A server that responds with any bytes at any pace, at any address of this machine, and records what it receives.

Well-behaved responses come from a `FakeRegistry`, which need not run; hostile rules come before it.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Callable, Union, cast

from ocikit.testing.fake_contents import Refused
from ocikit.testing.fake_endpoints import respond
from ocikit.testing.fake_http import Dropped, FakeAnswer, Incoming, to_bytes
from ocikit.testing.fake_registry import FakeRegistry
from support.certificates import KeyPair

# A response on the wire: an answer, raw bytes, or parts of bytes and pauses (seconds), perhaps without end.
Reply = Union[FakeAnswer, bytes, Iterable[Union[bytes, float]]]
Answering = Callable[["Received"], Reply]
Listening = Callable[[str, int], socket.socket]

_LONGEST_LINE = 64 * 1024
# The limit of recorded bytes.
_KEPT = 32 * 1024 * 1024


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


class Received(Incoming):
    """A request whose body may be read in parts."""

    def read_part(self, size: int) -> bytes:
        data = self._stream.read(size)
        if not data:
            raise Dropped
        return data


class HostileServer:
    """A server that calls `answer` for every request, after reading its body unless `reads_bodies` is False.

    `received` has the bytes that it received, `lines` the "METHOD /path" of every request. `name`: its host name, if
    not `host`. `listening`: the function that opens its socket.
    """

    def __init__(
        self,
        answer: Answering,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        name: str = "",
        tls: KeyPair | None = None,
        reads_bodies: bool = True,
        listening: Listening = listen,
    ) -> None:
        self.answer = answer
        self.reads_bodies = reads_bodies
        self.connections = 0
        self.received = bytearray()
        self.lines: list[str] = []
        self.authorizations: set[str] = set()
        self._context = _tls_context(tls) if tls else None
        self._listener = listening(host, port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        called = name or (f"[{host}]" if ":" in host else host)
        self.address = f"{called}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        for connection in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hold_little(self) -> None:
        """Let the kernel buffer only some kilobytes of unread data from now on."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, Dropped), contextlib.closing(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                with self._lock:
                    self._open.discard(connection)
                connection = self._context.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.add(connection)
            stream = cast(BinaryIO, io.BufferedReader(cast(Any, _Recorded(connection, self._keep))))
            while self._answer_one(connection, stream):
                pass
            connection.close()
        with self._lock:
            self._open.discard(connection)

    def _answer_one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        words = stream.readline(_LONGEST_LINE).decode("latin-1").split()
        if len(words) < 2:
            return False
        request = Received(connection, stream, words[0], words[1])
        with self._lock:
            self.lines.append(request.line)
            self.authorizations.add(request.headers.get("authorization", ""))
        if self.reads_bodies:
            request.read_body()
        reply = self.answer(request)
        self._send(connection, to_bytes(reply, request.method) if isinstance(reply, FakeAnswer) else reply)
        # Only a whole answer has a known end.
        return isinstance(reply, FakeAnswer)

    def _send(self, connection: socket.socket, reply: bytes | Iterable[bytes | float]) -> None:
        for part in (reply,) if isinstance(reply, bytes) else reply:
            if isinstance(part, bytes):
                connection.sendall(part)
            elif self._ended.wait(part):
                raise Dropped

    def _keep(self, data: bytes) -> None:
        with self._lock:
            self.received += data[: _KEPT - len(self.received)]


class Rules:
    """Responses of a hostile registry: the first rule whose pattern is in "METHOD /path?query", else the right one."""

    def __init__(self, contents: FakeRegistry) -> None:
        self.contents = contents
        self._rules: list[tuple[re.Pattern[str], Reply | Answering]] = []

    def on(self, pattern: str, reply: Reply | Answering) -> None:
        self._rules.append((re.compile(pattern), reply))

    def __call__(self, request: Received) -> Reply:
        for pattern, reply in self._rules:
            if pattern.search(request.line):
                return reply(request) if callable(reply) else reply
        return right_answer(self.contents, request)


def right_answer(contents: FakeRegistry, request: Incoming) -> FakeAnswer:
    with contents.lock:
        try:
            return respond(contents, request)
        except Refused as refused:
            headers = {"Content-Type": "application/json", **refused.headers}
            return FakeAnswer(refused.status, headers, refused.body())


def raw_answer(status: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A response with no headers added, not even Content-Length. Texts become Latin-1."""
    lines = (f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (headers or {}).items()), "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def dripping(data: bytes, seconds: float, size: int = 1) -> Iterable[bytes | float]:
    """Yield `size` bytes, a pause, `size` bytes, …"""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield seconds


def on_the_wire(text: str) -> str:
    """Text that becomes its UTF-8 when it is sent as a header."""
    return text.encode().decode("latin-1")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class _Recorded(io.RawIOBase):
    def __init__(self, connection: socket.socket, keep: Callable[[bytes], None]) -> None:
        self._connection, self._keep = connection, keep

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._connection.recv_into(buffer)
        self._keep(bytes(buffer[:count]))
        return count


def _tls_context(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context

"""Connections whose every wait is bounded by the pace of the exchange that they are used for.

urllib3 and http.client read an answer through a file that waits as long as the socket's timeout for each part of it,
and begins again with each byte. Here the socket itself asks how long it may wait: so that holds for whatever is read or
sent, be it a proxy's answer, a status line, `100 Continue`, a chunk, a trailer, or TLS within TLS.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ocikit.registry.deadline import Limits, Pace
from ocikit.registry.dial import Route, dial, look_up

if TYPE_CHECKING:
    _Socket = socket.socket
else:
    _Socket = object


class Current(threading.local):
    """What the exchange is that this thread is about to begin; a connection takes it from here.

    `target`: what the request line has. urllib3 would write a signed address in another way ("%2f" as "%2F").
    """

    pace: Pace
    target: str


class _Paced(_Socket):
    """What sockets of both kinds do before and after they wait."""

    pace: Pace

    def recv_into(self, *arguments: Any) -> int:
        seconds = self.pace.allowance()
        if seconds != self.gettimeout():
            self.settimeout(seconds)
        try:
            size = super().recv_into(*arguments)
        except socket.timeout:
            raise self.pace.timed_out() from None
        self.pace.done(size)
        return size

    def recv(self, *arguments: Any) -> bytes:
        seconds = self.pace.allowance()
        if seconds != self.gettimeout():
            self.settimeout(seconds)
        try:
            data = super().recv(*arguments)
        except socket.timeout:
            raise self.pace.timed_out() from None
        self.pace.done(len(data))
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        # Mostly the system takes all of it at once.
        size = self._send_some(data, flags)
        if size < len(data):
            rest = memoryview(data)
            while size < len(rest):
                size += self._send_some(rest[size:], flags)

    def _send_some(self, data: Any, flags: int) -> int:
        seconds = self.pace.allowance()
        if seconds != self.gettimeout():
            self.settimeout(seconds)
        try:
            size = self.send(data, flags)
        except socket.timeout:
            raise self.pace.timed_out() from None
        self.pace.done(size)
        return size

    def settimeout(self, value: float | None) -> None:
        # It is a system call, and seldom another value; urllib3 makes it twice for each request.
        if value != self.gettimeout():
            super().settimeout(value)


class PacedSocket(_Paced, socket.socket):
    """A plain one."""


class PacedTlsSocket(_Paced, ssl.SSLSocket):
    """One that speaks TLS. Its handshake has the timeout that the plain one had, as a whole."""


def paced(connection: Any, current: Current, limits: Limits, route: Route | None = None) -> Any:
    """The same kind of connection, with paced sockets, and with one deadline until there is one.

    `route`: where it may go; None where a proxy decides that.
    """

    class Paced(connection):  # type: ignore[misc]
        response_class = WholeResponse

        # The socket that is read and written in the end.
        paced_socket: Any = None

        def connect(self) -> None:
            super().connect()
            self._keep_pace(self.sock)
            current.pace.sending()

        def request(self, *arguments: Any, **options: Any) -> None:
            pace = current.pace
            # urllib3 waits while it sends as long as while it connects.
            self.timeout = limits.silence
            if self.sock is not None:
                self.paced_socket.pace = pace
                pace.sending()
            try:
                super().request(*arguments, **options)
            finally:
                # What is refused before it was sent whole has an answer, too.
                pace.answering()

        def putrequest(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
            super().putrequest(method, current.target, *arguments, **options)

        def _new_conn(self) -> Any:
            # Those of SOCKS know how to connect.
            plain = connection._new_conn is HTTPConnection._new_conn
            found = self._dial() if plain else PacedSocket(fileno=super()._new_conn().detach())
            # For the handshake of TLS.
            found.settimeout(limits.connect)
            current.pace.connecting()
            return self._keep_pace(found)

        def _dial(self) -> Any:
            sys.audit("http.client.connect", self, self.host, self.port)
            find = route.find if route else partial(look_up, self._dns_host, self.port)
            try:
                found, address = dial(
                    partial(find, limits.connect), limits.connect, PacedSocket, self.socket_options or ()
                )
            except socket.gaierror as error:
                raise NameResolutionError(self.host, self, error) from error
            except socket.timeout as error:
                raise ConnectTimeoutError(self, "no connection") from error
            except OSError as error:
                raise NewConnectionError(self, "no connection") from error
            if route:
                route.reached(address)
            return found

        def _connect_tls_proxy(self, hostname: str, found: Any) -> Any:
            return self._keep_pace(super()._connect_tls_proxy(hostname, found))

        def _keep_pace(self, found: Any) -> Any:
            # TLS within TLS is no socket, but has one.
            self.paced_socket = getattr(found, "socket", found)
            self.paced_socket.pace = current.pace
            return found

    return Paced


class WholeResponse(http.client.HTTPResponse):
    """An answer whose headers came to their end, which http.client does not look for."""

    def begin(self) -> None:
        file: Any = self.fp
        lines: Any = _Lines(file)
        self.fp = lines
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = file
        if lines.last == b"":
            self.close()
            raise http.client.IncompleteRead(b"")

    def _read_next_chunk_size(self) -> int:
        """http.client takes "-1" for a size, and would then keep all that ever comes."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError
        return size


class _Lines:
    """Reads lines and remembers the last one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last: bytes | None = None

    def readline(self, size: int) -> bytes:
        self.last = self._file.readline(size)
        return self.last

    def close(self) -> None:
        self._file.close()

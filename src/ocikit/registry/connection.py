"""Connections whose every wait is bounded by the pace of the current exchange.

urllib3 and http.client read a response through a file that waits for the socket's timeout, which each byte restarts.
Here the socket itself asks how long it may wait. This covers everything that is read or sent: a proxy's response, a
status line, `100 Continue`, a chunk, a trailer, or TLS within TLS.
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
    """The exchange that this thread is about to begin; connections read it here.

    `target`: the target in the request line. urllib3 would rewrite a signed address ("%2f" as "%2F").
    """

    pace: Pace
    target: str


class _Paced(_Socket):
    """Asks the pace before and after each wait; base of both kinds of sockets."""

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
        # The system usually accepts all of it in one call.
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
        except ssl.SSLEOFError as error:
            # After this exception, urllib3 reads what the server sent before it closed the connection: an alert about
            # the client certificate, or an early response.
            raise BrokenPipeError("the connection was closed") from error
        self.pace.done(size)
        return size

    def settimeout(self, value: float | None) -> None:
        # Saves a system call: urllib3 sets the timeout twice for each request, usually to the same value.
        if value != self.gettimeout():
            super().settimeout(value)


class PacedSocket(_Paced, socket.socket):
    """A paced plain socket."""


class PacedTlsSocket(_Paced, ssl.SSLSocket):
    """A paced TLS socket. Its handshake as a whole has the timeout of the plain socket below it."""


def paced(connection: Any, current: Current, limits: Limits, route: Route | None = None) -> Any:
    """A subclass of `connection` with paced sockets, and with one deadline until it is connected.

    `route`: where it may connect to; None if a proxy decides that.
    """

    class Paced(connection):  # type: ignore[misc]
        response_class = WholeResponse

        # The innermost socket, which reads and writes.
        paced_socket: Any = None

        def connect(self) -> None:
            super().connect()
            self._keep_pace(self.sock)
            current.pace.sending()

        def request(self, *arguments: Any, **options: Any) -> None:
            pace = current.pace
            # urllib3 uses the timeout for connecting while it sends, too.
            self.timeout = limits.silence
            if self.sock is not None:
                self.paced_socket.pace = pace
                pace.sending()
            try:
                super().request(*arguments, **options)
            finally:
                # A request that is refused before it was sent completely has a response, too.
                pace.answering()

        def putrequest(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
            super().putrequest(method, current.target, *arguments, **options)

        def _new_conn(self) -> Any:
            # SOCKS connections connect by themselves.
            plain = connection._new_conn is HTTPConnection._new_conn
            found = self._dial() if plain else PacedSocket(fileno=super()._new_conn().detach())
            # The timeout of the TLS handshake.
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
            # TLS within TLS is not a socket, but wraps one.
            self.paced_socket = getattr(found, "socket", found)
            self.paced_socket.pace = current.pace
            return found

    return Paced


class WholeResponse(http.client.HTTPResponse):
    """A response that fails if its headers are incomplete, which http.client does not check."""

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
        """Reject negative sizes: http.client accepts "-1", and would keep everything that ever arrives."""
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

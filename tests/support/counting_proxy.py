"""A proxy in front of a registry that writes down every request: what travels is counted at the wire."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_BLOCK = 64 * 1024
# These are about one connection, of which there are two here. RFC 9110, section 7.6.1.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class Exchange:
    """A request and how it was answered. `body`: bytes of the request's body."""

    method: str
    target: str
    status: int
    body: int

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
    """Hands everything on to `upstream` (host and port), `Host` included, so that its redirects lead here again."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def record(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)

    def take(self) -> tuple[Exchange, ...]:
        """What happened since the last call."""
        with self._lock:
            taken, self._exchanges = tuple(self._exchanges), []
            return taken

    @contextmanager
    def running(self) -> Iterator[CountingProxy]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: CountingProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer's head and body are two small packets; the second must not wait for the first one's receipt.
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream = HTTPConnection(self.server.proxy.upstream, timeout=60)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def handle_any(self) -> None:
        if "Transfer-Encoding" in self.headers:
            # The client that is counted always knows how much it sends.
            self.send_error(411)
            return
        body = _Body(self.rfile, int(self.headers.get("Content-Length", 0)))
        self._upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self._upstream.putheader(name, value)
        self._upstream.endheaders(body if body.size else None)
        response = self._upstream.getresponse()
        # Told before it is answered: whoever has the answer finds it recorded.
        self.server.proxy.record(Exchange(self.command, self.path, response.status, body.size))
        self._answer(response)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = handle_any

    def _answer(self, response: HTTPResponse) -> None:
        self.send_response(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        framed = response.getheader("Content-Length") is not None or self.command == "HEAD" or response.status == 204
        if not framed:
            self.send_header("Connection", "close")
        self.end_headers()
        while block := response.read(_BLOCK):
            self.wfile.write(block)

    def log_message(self, template: str, *arguments: Any) -> None:
        """Silence: what happened is in the record."""


class _Body:
    """So many bytes of a connection, read in blocks as they are sent on."""

    def __init__(self, file: Any, size: int) -> None:
        self.size = size
        self._file = file
        self._left = size

    def __iter__(self) -> Iterator[bytes]:
        while block := self._file.read(min(_BLOCK, self._left)):
            self._left -= len(block)
            yield block

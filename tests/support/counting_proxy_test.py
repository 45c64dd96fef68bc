"""The proxy changes nothing and counts correctly, whatever the framing of bodies."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from support.counting_proxy import CountingProxy, Exchange
from support.serving import serving

BODY = bytes(range(256)) * 4000


class _Echo(BaseHTTPRequestHandler):
    """Echoes the body of the request, in the framing that the path names."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self._chunks() if "Transfer-Encoding" in self.headers else self._exactly()
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part) + b"0\r\n\r\n"
        elif self.path == "/until-the-end":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = handle_any

    def _exactly(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _chunks(self) -> bytes:
        parts = b""
        while size := int(self.rfile.readline(), 16):
            parts += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return parts

    def log_message(self, template: str, *arguments: Any) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    with serving(server):
        yield f"127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("path", ["/sized", "/chunked", "/until-the-end"])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized-request", "chunked-request"])
@pytest.mark.parametrize("body", [b"", BODY], ids=["empty", "long"])
def test_bodies_arrive_and_are_counted(upstream: str, path: str, chunked: bool, body: bytes) -> None:
    with CountingProxy(upstream).running() as proxy:
        client = HTTPConnection(proxy.address, timeout=10)
        for _ in range(2):
            content = iter([body]) if chunked else body
            client.request("PUT", path, content, encode_chunked=chunked, headers=_framing(body, chunked))
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, body)
        client.close()
        taken = proxy.take()
        assert [(e.method, e.target, e.status, e.body, e.answer) for e in taken] == [
            ("PUT", path, 200, len(body), len(body))
        ] * 2
        # A body that ends with its connection needs a new connection afterwards.
        connections = 2 if path == "/until-the-end" else 1
        assert len({exchange.connection for exchange in taken}) == proxy.take_connections() == connections
        assert proxy.take() == ()


def test_head_has_a_size_and_no_body(upstream: str) -> None:
    with CountingProxy(upstream).running() as proxy:
        client = HTTPConnection(proxy.address, timeout=10)
        client.request("HEAD", "/v2/shop/web/manifests/latest", BODY)
        answer = client.getresponse()
        assert (answer.read(), answer.getheader("Content-Length")) == (b"", str(len(BODY)))
        client.close()
        (exchange,) = proxy.take()
        assert exchange == Exchange("HEAD", "/v2/shop/web/manifests/latest", 200, len(BODY), 0, 1)
        assert exchange.repository == "shop/web"


def test_a_delay_is_added_to_every_request(upstream: str) -> None:
    with CountingProxy(upstream, delay=0.05).running() as proxy:
        client = HTTPConnection(proxy.address, timeout=10)
        start = time.monotonic()
        for _ in range(3):
            client.request("GET", "/")
            client.getresponse().read()
        assert time.monotonic() - start >= 0.15
        client.close()


def test_tls_is_refused_immediately(upstream: str) -> None:
    with CountingProxy(upstream).running() as proxy:
        host, _, port = proxy.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"\x16\x03\x01\x00\x05hello")
            assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert (proxy.take(), proxy.take_connections()) == ((), 1)


def test_an_unreachable_registry_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused = f"127.0.0.1:{free.getsockname()[1]}"
    with CountingProxy(unused).running() as proxy:
        client = HTTPConnection(proxy.address, timeout=10)
        client.request("GET", "/")
        with pytest.raises(RemoteDisconnected):
            client.getresponse()
        client.close()


def _framing(body: bytes, chunked: bool) -> dict[str, str]:
    return {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}

"""The cases of slow_server_test.py over TLS, whose sockets wait in their own ways."""

from __future__ import annotations

import itertools
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Callable

import pytest

from ocikit.errors import NetworkError
from ocikit.registry.deadline import Limits
from ocikit.registry.http import Request
from ocikit.registry.options import RegistryOptions
from ocikit.registry.transport import HttpTransport
from ocikit.testing.dripping_server import DrippingServer, Part, forever

_LIMITS = Limits(connect=1.0, silence=0.8, answer=1.0, rate=100_000, window=0.9)
_PAUSE = 0.04
_SLACK = 20.0
_OK = b"HTTP/1.1 200 OK\r\n"
_COMMAND = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-nodes"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:r.example"),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run((*_COMMAND, "-keyout", key, "-out", certificate), check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def context(files: tuple[str, str]) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(*files)
    return found


def _then(start: bytes, parts: Iterable[Part]) -> Iterator[Part]:
    return itertools.chain((start,), parts)


def _transport(files: tuple[str, str]) -> HttpTransport:
    return HttpTransport(options=RegistryOptions(ca_file=files[0]), limits=_LIMITS)


def _fails(files: tuple[str, str], request: Request, text: str) -> None:
    transport = _transport(files)
    started = time.monotonic()
    with pytest.raises(NetworkError) as raised, transport.send(request).body as body:
        body.read()
    transport.close()
    assert str(raised.value).startswith(f"{request}: {text}")
    assert time.monotonic() - started < _SLACK


@pytest.mark.parametrize(
    "reply, streamed, text",
    [
        pytest.param(lambda: (), False, "no response within 0.8 seconds", id="nothing"),
        pytest.param(
            lambda: _then(_OK, forever(b"X: y\r\n", _PAUSE)),
            False,
            "the response was not complete within 1 seconds",
            id="headers",
        ),
        pytest.param(
            lambda: _then(_OK + b"\r\n", forever(b"y", _PAUSE)),
            True,
            "too slow: expected the host to send at least 100.0 kB a second",
            id="a-stream",
        ),
    ],
)
def test_an_answer_that_drips(
    files: tuple[str, str], context: ssl.SSLContext, reply: Callable[[], Iterable[Part]], streamed: bool, text: str
) -> None:
    with DrippingServer(reply, tls=context) as server:
        _fails(files, Request("GET", f"https://{server.address}/", streamed=streamed), text)


@pytest.mark.parametrize("reads", [1, None])
def test_an_upload_that_is_read_too_slowly(files: tuple[str, str], context: ssl.SSLContext, reads: int | None) -> None:
    with DrippingServer(lambda: (60.0,), reads=reads, pause_seconds=_PAUSE, tls=context) as server:
        request = Request("PUT", f"https://{server.address}/", body=bytes(64 * 1024 * 1024))
        _fails(files, request, "too slow: expected the host to take at least 100.0 kB a second")


def test_connections_are_kept(files: tuple[str, str], context: ssl.SSLContext) -> None:
    def reply() -> Iterator[Part]:
        for _ in range(3):
            yield _OK + b"Content-Length: 1\r\n\r\ny"
            yield _LIMITS.answer / 4

    with DrippingServer(reply, tls=context) as server:
        transport = _transport(files)
        for _ in range(3):
            assert transport.send(Request("GET", f"https://{server.address}/")).body.read() == b"y"
        assert server.connections == 1
        transport.close()


# The beginning of a TLS record that announces 16 KiB of a handshake.
_HANDSHAKE = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda: _then(_OK, forever(b"X: y\r\n", _PAUSE)), id="the-proxys-answer"),
        pytest.param(lambda: _then(_OK + b"\r\n", [60.0]), id="no-handshake"),
        pytest.param(lambda: _then(_OK + b"\r\n" + _HANDSHAKE, forever(b"\0", _PAUSE)), id="a-handshake-within-tls"),
    ],
)
def test_a_proxy_with_tls_that_drips(
    files: tuple[str, str],
    context: ssl.SSLContext,
    reply: Callable[[], Iterable[Part]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", files[0])
    with DrippingServer(reply, tls=context) as server:
        monkeypatch.setenv("https_proxy", f"https://{server.address}")
        _fails(files, Request("GET", "https://r.example/"), "")

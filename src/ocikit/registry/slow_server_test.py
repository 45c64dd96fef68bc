"""Servers that send just enough not to be silent: every wait ends with an error that says why."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Callable

import pytest

from ocikit.errors import NetworkError
from ocikit.registry.deadline import Limits
from ocikit.registry.http import Request
from ocikit.registry.transport import HttpTransport
from ocikit.testing.dripping_server import DrippingServer, Part, dripping, forever

# A dripping server sends ten times within the shortest of them.
_LIMITS = Limits(connect=0.5, silence=0.8, answer=1.0, answer_size=200_000, rate=100_000, window=0.9, beside=500_000)
_PAUSE = 0.04
# Slack for a busy machine.
_SLACK = 20.0

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_TOO_LATE = "the response was not complete within 1 seconds"
_TOO_SLOW = "too slow: expected the host to send at least 100.0 kB a second, got "
_TOO_MUCH = "expected a response of at most 200.0 kB, got more"
_TOO_MUCH_EXTRA = "expected at most 500.0 kB besides the content, got more"


def _then(start: bytes, parts: Iterable[Part]) -> Iterator[Part]:
    return itertools.chain((start,), parts)


def _read(transport: HttpTransport, request: Request) -> bytes:
    with transport.send(request).body as body:
        return body.read()


def _fails(address: str, text: str, *, streamed: bool = False, body: bytes = b"", scheme: str = "http") -> None:
    transport = HttpTransport(limits=_LIMITS)
    started = time.monotonic()
    request = Request("PUT" if body else "GET", f"{scheme}://{address}/v2/", body=body, streamed=streamed)
    with pytest.raises(NetworkError) as raised:
        _read(transport, request)
    transport.close()
    assert str(raised.value).startswith(f"{request}: {text}")
    assert time.monotonic() - started < _SLACK


@pytest.mark.parametrize(
    "reply, text",
    [
        pytest.param(lambda: (), "no response within 0.8 seconds", id="nothing"),
        pytest.param(lambda: dripping(b"HTTP/1.1 200 " + b"O" * 9999, _PAUSE), _TOO_LATE, id="status-line"),
        pytest.param(lambda: _then(_OK, dripping(b"X: " + b"y" * 9999, _PAUSE)), _TOO_LATE, id="a-header"),
        pytest.param(lambda: _then(_OK, forever(b"X: y\r\n", _PAUSE)), _TOO_LATE, id="headers"),
        pytest.param(lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n", _PAUSE), _TOO_LATE, id="continue"),
        pytest.param(lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 99), _TOO_MUCH, id="continue-fast"),
        pytest.param(
            lambda: _then(b"HTTP/1.1 500 Oh\r\nContent-Length: 9999\r\n\r\n", forever(b"y", _PAUSE)),
            _TOO_LATE,
            id="a-small-body",
        ),
        pytest.param(
            lambda: _then(_OK + b"Content-Length: 99999999\r\n\r\n", forever(b"y", _PAUSE)), _TOO_LATE, id="a-body"
        ),
        pytest.param(lambda: _then(_OK + b"\r\n", forever(b"y", _PAUSE)), _TOO_LATE, id="a-body-of-any-size"),
        pytest.param(lambda: _then(_OK + b"\r\n", forever(b"y" * 999)), _TOO_MUCH, id="a-body-without-end"),
        pytest.param(lambda: _then(_CHUNKED, forever(b"1\r\ny\r\n", _PAUSE)), _TOO_LATE, id="chunks"),
        pytest.param(lambda: _then(_CHUNKED, forever(b"0", _PAUSE)), _TOO_LATE, id="a-chunks-size"),
        pytest.param(lambda: _then(_CHUNKED + b"1;", forever(b"x", _PAUSE)), _TOO_LATE, id="a-chunks-extension"),
        pytest.param(lambda: _then(_CHUNKED + b"0\r\n", forever(b"X: y\r\n", _PAUSE)), _TOO_LATE, id="trailers"),
        pytest.param(lambda: _then(_CHUNKED + b"0\r\n", forever(b"X: y\r\n" * 99)), _TOO_MUCH, id="trailers-fast"),
    ],
)
def test_an_answer_that_drips(reply: Callable[[], Iterable[Part]], text: str) -> None:
    with DrippingServer(reply) as server:
        _fails(server.address, text)


@pytest.mark.parametrize(
    "reply, text",
    [
        pytest.param(
            lambda: (_OK + b"Content-Length: 99999999\r\n\r\nyyy",), "no response within 0.8 seconds", id="silent"
        ),
        pytest.param(
            lambda: _then(_OK + b"Content-Length: 99999999\r\n\r\n", forever(b"y", _PAUSE)), _TOO_SLOW, id="slow"
        ),
        pytest.param(lambda: _then(_OK + b"\r\n", forever(b"y", _PAUSE)), _TOO_SLOW, id="of-any-size"),
        pytest.param(lambda: _then(_CHUNKED, forever(b"1\r\ny\r\n", _PAUSE)), _TOO_SLOW, id="chunks"),
        pytest.param(lambda: _then(_CHUNKED, forever(b"0", _PAUSE)), _TOO_SLOW, id="a-chunks-size"),
        pytest.param(
            lambda: _then(_CHUNKED, forever(b"1;" + b"x" * 60_000 + b"\r\ny\r\n")), _TOO_MUCH_EXTRA, id="extensions"
        ),
        pytest.param(lambda: _then(_CHUNKED + b"0\r\n", forever(b"X: y\r\n", _PAUSE)), _TOO_SLOW, id="trailers"),
        pytest.param(
            lambda: _then(_CHUNKED + b"0\r\n", forever(b"X: y\r\n" * 999)), _TOO_MUCH_EXTRA, id="trailers-fast"
        ),
    ],
)
def test_a_stream_that_drips(reply: Callable[[], Iterable[Part]], text: str) -> None:
    with DrippingServer(reply) as server:
        _fails(server.address, text, streamed=True)


@pytest.mark.parametrize("reads", [1, 1000, None], ids=["a-byte", "little", "nothing"])
def test_an_upload_that_is_read_too_slowly(reads: int | None) -> None:
    reply: list[Part] = [60.0] if reads is None else []
    with DrippingServer(lambda: reply, reads=reads, pause_seconds=_PAUSE) as server:
        text = "too slow: expected the host to take at least 100.0 kB a second, got "
        _fails(server.address, text, body=bytes(64 * 1024 * 1024))


def test_a_body_that_is_read_and_not_answered() -> None:
    with DrippingServer(reads=1 << 20, pause_seconds=0.001) as server:
        _fails(server.address, "no response within 0.8 seconds", body=bytes(4 * 1024 * 1024))


def test_an_upload_that_is_answered_early_and_slowly() -> None:
    """Unread data keeps the connection open, so the client sends until the upload is too slow."""
    with DrippingServer(lambda: _then(b"HTTP/1.1 413 No\r\n", forever(b"X: y\r\n", _PAUSE)), reads=0) as server:
        _fails(server.address, "too slow: expected the host to take", body=bytes(64 * 1024 * 1024))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda: forever(b"H", _PAUSE), id="status-line"),
        pytest.param(lambda: _then(b"HTTP/1.1 200 OK\r\n", forever(b"X: y\r\n", _PAUSE)), id="headers"),
        pytest.param(lambda: _then(b"HTTP/1.1 200 OK\r\n", forever(b"X: y\r\n" * 99)), id="headers-fast"),
    ],
)
def test_a_proxy_that_drips(reply: Callable[[], Iterable[Part]], monkeypatch: pytest.MonkeyPatch) -> None:
    with DrippingServer(reply) as server:
        monkeypatch.setenv("https_proxy", f"http://{server.address}")
        _fails("r.example", "", scheme="https")


# The beginning of a TLS record that announces 16 KiB of a handshake.
_HANDSHAKE = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda: (60.0,), id="silent"),
        pytest.param(lambda: _then(_HANDSHAKE, forever(b"\0", _PAUSE)), id="dripping"),
    ],
)
def test_a_handshake_that_drips(reply: Callable[[], Iterable[Part]]) -> None:
    with DrippingServer(reply, reads=None) as server:
        _fails(server.address, "the TLS handshake was not complete within 0.5 seconds", scheme="https")


def test_a_slow_reader_is_not_an_error() -> None:
    """The server itself is not slow."""
    data = bytes(range(256)) * 4096
    with DrippingServer(lambda: (_OK + b"Content-Length: %d\r\n\r\n" % len(data) + data,)) as server:
        transport = HttpTransport(limits=_LIMITS)
        body = transport.send(Request("GET", f"http://{server.address}/", streamed=True)).body
        found = b""
        with body:
            while part := body.read(256 * 1024):
                found += part
                time.sleep(_LIMITS.silence)
        transport.close()
    assert found == data


def test_a_body_that_we_produce_slowly_is_not_an_error() -> None:
    class Slow:
        def __len__(self) -> int:
            return 4

        def __iter__(self) -> Iterator[bytes]:
            for _ in range(4):
                time.sleep(_LIMITS.silence)
                yield b"y"

    def reply() -> Iterator[Part]:
        yield 4 * _LIMITS.silence
        yield b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

    with DrippingServer(reply) as server:
        transport = HttpTransport(limits=_LIMITS)
        assert transport.send(Request("PUT", f"http://{server.address}/", body=Slow())).status == 201
        transport.close()


def test_a_connection_that_is_kept_has_the_limits_of_its_next_exchange() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"

    def reply() -> Iterator[Part]:
        # Each exchange takes most of its limit, so that two together exceed it.
        for _ in range(4):
            for byte in answer:
                yield bytes([byte])
                yield 0.012

    with DrippingServer(reply) as server:
        transport = HttpTransport(limits=_LIMITS)
        for _ in range(4):
            assert _read(transport, Request("GET", f"http://{server.address}/")) == b"y"
        assert server.connections == 1
        transport.close()

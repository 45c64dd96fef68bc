"""A server that is slow in every possible way, and a clock that advances only while a test waits for it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Callable

import pytest

from ocikit.errors import GivenUp, NetworkError
from ocikit.registry.http import RawResponse, Request
from ocikit.registry.limiter import Limiter
from ocikit.registry.retry_policy import RetryBudget
from ocikit.registry.retrying import Retrying
from ocikit.registry.traffic import Traffic

_URL = "https://r.example/v2/a"
_OTHER = "https://s.example/v2/a"
_MOST = 600 + 120
_PART = 64 * 1024


class _Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Slow(io.RawIOBase):
    """A stream whose every part takes `seconds`."""

    def __init__(self, time: _Time, seconds: float) -> None:
        self._time, self._seconds = time, seconds

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._time.sleep(self._seconds)
        return bytes(size)


class _Server:
    """A `Transport`: the seconds that each kind of wait for r.example takes. Other hosts respond immediately."""

    def __init__(self, time: _Time, *, answer: float = 0, part: float = 0, fails: bool = False) -> None:
        self._time = time
        self._answer, self._part, self._fails = answer, part, fails
        self.asked = 0

    def send(self, request: Request) -> RawResponse:
        self.asked += 1
        if not request.url.startswith("https://r."):
            return RawResponse(200, {}, io.BytesIO(b"{}"))
        for _ in () if isinstance(request.body, bytes) else request.body:
            self._time.sleep(self._part)
        self._time.sleep(self._answer)
        if self._fails:
            raise NetworkError("no answer")
        return RawResponse(200, {}, _Slow(self._time, self._part) if request.streamed else io.BytesIO(b"{}"))  # type: ignore[arg-type]


class _Body:
    """A body of any size that we produce slowly."""

    def __init__(self, time: _Time, parts: int = 10**9, seconds: float = 0) -> None:
        self._time, self._parts, self._seconds = time, parts, seconds

    def __len__(self) -> int:
        return self._parts * _PART

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._parts):
            self._time.sleep(self._seconds)
            yield bytes(_PART)


def _patience(time: _Time, server: _Server) -> Retrying:
    limiter = Limiter(clock=time, sleep=time.sleep)
    return Retrying(
        server, RetryBudget(clock=time), limiter, clock=time, now=time, sleep=time.sleep, jitter=lambda: 0.5
    )


def _asks(patience: Retrying, url: str = _URL) -> None:
    patience.send(Request("HEAD", url), Traffic())[1].close()


def _until_given_up(ask: Callable[[], object]) -> GivenUp:
    for _ in range(10_000):
        try:
            ask()
        except GivenUp as error:
            return error
        except NetworkError:
            pass
    raise AssertionError("it has no end")


@pytest.mark.parametrize("seconds, fails", [pytest.param(50, False, id="late"), pytest.param(60, True, id="never")])
def test_a_run_of_many_requests_ends(seconds: float, fails: bool) -> None:
    time = _Time()
    server = _Server(time, answer=seconds, fails=fails)
    patience = _patience(time, server)
    error = _until_given_up(lambda: _asks(patience))
    assert str(error) == (
        f"HEAD {_URL}: gave up, because r.example is too slow: this run has waited 10 minutes in total, which is the "
        "limit. Run it again when registries respond faster."
    )
    assert 600 <= time.now <= _MOST
    asked, now = server.asked, time.now
    for _ in range(100):
        with pytest.raises(GivenUp):
            _asks(patience)
    # Other hosts are not affected.
    _asks(patience, _OTHER)
    assert (server.asked, time.now) == (asked + 1, now)


def test_a_download_ends() -> None:
    time = _Time()
    # Twice the minimum speed of one stream, and an eighth of the minimum of all streams together.
    _, body = _patience(time, _Server(time, part=32)).send(Request("GET", _URL, streamed=True), Traffic())

    def read() -> None:
        assert body.read(1024 * 1024)

    with body:
        _until_given_up(read)
    assert 600 <= time.now <= _MOST


def test_an_upload_ends() -> None:
    time = _Time()
    with pytest.raises(GivenUp, match="^PUT https://r.example/v2/a: gave up"):
        _patience(time, _Server(time, part=32)).send(Request("PUT", _URL, body=_Body(time)), Traffic())
    assert 600 <= time.now <= _MOST


def test_our_own_time_does_not_count() -> None:
    time = _Time()
    patience = _patience(time, _Server(time, part=1, answer=1))
    for _ in range(100):
        patience.send(Request("PUT", _URL, body=_Body(time, 10, seconds=50)), Traffic())
    assert time.now > 10 * _MOST


def test_a_server_that_stores_much_may_take_its_time() -> None:
    time = _Time()
    patience = _patience(time, _Server(time, answer=59))
    for _ in range(100):
        patience.send(Request("PUT", _URL, stores=1_000_000_000), Traffic())
    assert time.now > 5 * _MOST


def test_a_failing_source_does_not_count_for_the_destination() -> None:
    class Failing(_Body):
        def __iter__(self) -> Iterator[bytes]:
            self._time.sleep(500)
            raise NetworkError("the source is silent")

    time = _Time()
    patience = _patience(time, _Server(time))
    for _ in range(10):
        with pytest.raises(NetworkError, match="the source is silent"):
            patience.send(Request("PUT", _URL, body=Failing(time), no_retry=True), Traffic())
    _asks(patience)

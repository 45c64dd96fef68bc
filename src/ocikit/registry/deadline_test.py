"""Limits of an exchange, with a clock that moves only when it is set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.registry.deadline import Limits, OverLimit, Pace, share

_LIMITS = Limits(connect=10, silence=60, answer=120, answer_size=1000, rate=1024, window=60)


class _Host:
    """A pace, and a clock that advances only while a test waits for the host."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = Pace(_LIMITS, lambda: self.now)

    def gives(self, size: int, seconds: float) -> None:
        """Wait as a socket does: `seconds` until `size` bytes are there, unless that is longer than allowed."""
        allowed = self.pace.allowance()
        if seconds >= allowed:
            self.now += allowed
            raise self.pace.timed_out()
        self.now += seconds
        self.pace.done(size)


def _drips(host: _Host, size: int, seconds: float) -> str:
    """The error for a host that sends `size` bytes every `seconds`."""
    for _ in range(1000):
        try:
            host.gives(size, seconds)
        except OverLimit as error:
            return str(error)
    return "it has no end"


@pytest.mark.parametrize(
    "phase, size, seconds, text, ends_at",
    [
        pytest.param("connecting", 1, 2, "the proxy did not connect within 10 seconds", 10, id="a-proxy"),
        pytest.param("connecting", 1, 60, "the proxy did not connect within 10 seconds", 10, id="a-silent-proxy"),
        pytest.param("answering", 1, 2, "the response was not complete within 120 seconds", 120, id="an-answer"),
        pytest.param("answering", 1, 59, "the response was not complete within 120 seconds", 120, id="seldom"),
        pytest.param("answering", 1, 61, "no response within 60 seconds", 60, id="silence"),
        pytest.param("answering", 100, 0, "expected a response of at most 1.0 kB, got more", 0, id="without-an-end"),
        pytest.param(
            "streaming",
            1,
            2,
            "too slow: expected the host to send at least 1.0 kB a second, got 0 B a second in 60 seconds",
            60,
            id="a-stream",
        ),
        pytest.param("streaming", 1, 61, "no response within 60 seconds", 60, id="a-silent-stream"),
        pytest.param(
            "sending",
            2000,
            2,
            "too slow: expected the host to take at least 1.0 kB a second, got 1.0 kB a second in 60 seconds",
            60,
            id="an-upload",
        ),
        pytest.param(
            "sending",
            1,
            61,
            "too slow: expected the host to take at least 1.0 kB a second, got 0 B a second in 60 seconds",
            60,
            id="an-upload-that-is-not-read",
        ),
    ],
)
def test_a_host_that_drips(phase: str, size: int, seconds: float, text: str, ends_at: float) -> None:
    host = _Host()
    getattr(host.pace, phase)()
    assert _drips(host, size, seconds) == text
    assert host.now == ends_at


def test_a_stream_that_is_fast_enough_goes_on() -> None:
    for phase in ("streaming", "sending"):
        host = _Host()
        getattr(host.pace, phase)()
        for _ in range(10_000):
            host.gives(2048, 1.9)


def test_a_stream_may_rest_when_it_was_fast() -> None:
    host = _Host()
    host.pace.streaming()
    for _ in range(100):
        host.gives(1_000_000, 1)
        host.gives(1, 55)


def test_the_time_of_the_reader_does_not_count() -> None:
    host = _Host()
    host.pace.streaming()
    for _ in range(100):
        host.now += 1000
        host.gives(100, 0.05)


def test_bytes_besides_the_content_are_not_progress() -> None:
    """Trailers and chunk extensions are not content."""
    host = _Host()
    host.pace.streaming()
    host.pace.expect(4096)
    assert "got 68 B a second in 60 seconds" in _drips(host, 1000, 0.5)


def test_bytes_besides_the_content_are_limited() -> None:
    host = _Host()
    host.pace.streaming()
    for _ in range(100):
        host.pace.expect(4096)
        host.gives(500_000, 0)
        host.gives(500_000, 0)
    assert _drips(host, 100_000, 0) == "expected at most 1.0 MB besides the content, got more"


def test_each_phase_has_its_own_limits() -> None:
    host = _Host()
    for _ in range(10):
        host.pace.sending()
        host.gives(100, 59)
        host.pace.answering()
        host.gives(100, 59)
        host.gives(100, 59)
        host.pace.streaming()
        host.gives(100, 59)


@pytest.mark.parametrize(
    "left, addresses, seconds",
    [(10, 1, 10), (10, 2, 5), (10, 5, 2), (10, 1000, 2), (1.5, 1000, 1.5), (1.5, 1, 1.5)],
)
def test_addresses_share_the_time(left: float, addresses: int, seconds: float) -> None:
    assert share(left, addresses) == seconds


@given(st.floats(0.1, 100), st.integers(1, 2000))
def test_addresses_that_hang_take_no_longer_than_one(seconds: float, addresses: int) -> None:
    left = seconds
    for number in range(addresses):
        if left <= 0:
            break
        left -= share(left, addresses - number)
    assert left >= -1e-6

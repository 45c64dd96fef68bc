from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import GivenUp, NetworkError, TooSlow, Unreachable, Untrusted
from ocikit.registry.http import Request, Response
from ocikit.registry.retry_policy import ATTEMPTS, Outcome, RetryBudget, delay, is_transient, retry_after

_REQUEST = Request("GET", "https://r.example/v2/")
_NOW = 1_000_000_000.0  # Sun, 09 Sep 2001 01:46:40 GMT


def _answer(status: int, retry_after: str | None = None) -> Response:
    return Response(_REQUEST, status, {} if retry_after is None else {"retry-after": retry_after})


@pytest.mark.parametrize(
    "outcome, known, transient",
    [
        *(pytest.param(_answer(status), True, True, id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
        *(
            pytest.param(_answer(status), True, False, id=str(status))
            for status in (200, 201, 301, 400, 401, 403, 404, 405, 409, 412, 413, 416, 501, 505)
        ),
        pytest.param(NetworkError("cut"), False, True, id="cut"),
        pytest.param(Unreachable("refused"), True, True, id="refused-by-a-known-host"),
        pytest.param(Unreachable("refused"), False, False, id="never-reached"),
        pytest.param(Untrusted("certificate"), True, False, id="not-trusted"),
        pytest.param(TooSlow("too slow"), True, True, id="slow"),
        pytest.param(GivenUp("gave up"), True, False, id="given-up"),
    ],
)
def test_transient_outcomes(outcome: Outcome, known: bool, transient: bool) -> None:
    assert is_transient(outcome, known=known) is transient
    assert (delay(1, outcome, now=_NOW, jitter=1.0, known=known) is not None) is transient


def test_a_slow_request_is_retried_once() -> None:
    slow = TooSlow("the response was not complete")
    assert [delay(attempt, slow, now=_NOW, jitter=1.0) for attempt in (1, 2, 3)] == [1, None, None]


def test_waits_double_and_end() -> None:
    delays = [delay(attempt, _answer(503), now=_NOW, jitter=1.0) for attempt in range(1, ATTEMPTS + 1)]
    assert delays == [1, 2, 4, 8, None]
    assert delay(3, _answer(503), now=_NOW, jitter=0.25) == 1


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("Sun, 09 Sep 2001 01:46:47 GMT", 7),
        ("Sun, 09 Sep 2001 01:46:30 GMT", 0),
        ("Sun, 31 Feb 2001 01:46:30 GMT", None),
        ("Sun, 09 Foo 2001 01:46:30 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after(text: str, seconds: Any) -> None:
    assert retry_after(_answer(429, text), _NOW) == seconds
    wait = delay(1, _answer(429, text), now=_NOW, jitter=0.5)
    assert wait == (0.5 if seconds is None else seconds + 0.5)


@pytest.mark.parametrize("text", ["61", "99999999999999999999", "Sun, 09 Sep 2001 02:46:40 GMT"])
def test_a_requested_wait_is_not_shortened(text: str) -> None:
    assert delay(1, _answer(429, text), now=_NOW, jitter=0.0) is None


@given(st.integers(0, 2**32))
def test_a_date_is_read_back(seconds: int) -> None:
    date = datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after(_answer(503, date), 0.0) == seconds


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    found = retry_after(_answer(503, text), _NOW)
    assert found is None or found >= 0


def test_a_budget_ends_and_successes_fill_it() -> None:
    budget = RetryBudget(2, clock=lambda: 0.0)
    assert [budget.take(0), budget.take(0), budget.take(0)] == [True, True, False]
    for _ in range(5):
        budget.succeeded()
    assert [budget.take(0), budget.take(0)] == [True, False]
    for _ in range(100):
        budget.succeeded()
    assert [budget.take(0) for _ in range(3)] == [True, True, False]

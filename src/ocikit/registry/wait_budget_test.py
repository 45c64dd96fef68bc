"""The wait budget of a run, with a clock that moves only when it is set."""

from __future__ import annotations

import pytest

from ocikit.registry.retry_policy import RetryBudget
from ocikit.registry.wait_budget import QUICK_SECONDS, SLOW_RATE, WaitBudget, lateness

_HOST = "https://r.example"
_OTHER = "https://s.example"


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    "seconds, size, late",
    [
        pytest.param(0.1, 0, 0, id="quick"),
        pytest.param(QUICK_SECONDS, 0, 0, id="still-quick"),
        pytest.param(59, 0, 54, id="late"),
        pytest.param(59, 1_000_000_000, 0, id="a-layer-is-stored"),
        pytest.param(QUICK_SECONDS + 3, int(SLOW_RATE), 2, id="a-little"),
    ],
)
def test_lateness(seconds: float, size: int, late: float) -> None:
    assert lateness(seconds, size) == late


def test_pauses_of_several_at_a_time_count_once() -> None:
    clock = _Clock()
    budget = WaitBudget(10, clock=clock)
    assert all(budget.pause(6) for _ in range(16))
    assert not budget.pause(11)
    clock.after(100)
    assert budget.pause(4)
    assert not budget.pause(4.5)


def test_answers_that_did_not_come_count_once_and_end() -> None:
    clock = _Clock()
    budget = WaitBudget(100, clock=clock)
    for _ in range(2):
        clock.after(45)
        # Two connections were silent at the same time.
        budget.waited(_HOST, 45)
        budget.waited(_OTHER, 45)
    assert _HOST not in budget.given_up
    clock.after(45)
    budget.waited(_HOST, 45)
    assert _HOST in budget.given_up
    assert not budget.pause(0.1)
    # A healthy host is not affected, and one that makes the run wait is given up.
    assert _OTHER not in budget.given_up
    budget.waited(_OTHER, 0)
    assert _OTHER not in budget.given_up
    clock.after(1)
    budget.waited(_OTHER, 1)
    assert _OTHER in budget.given_up


def test_a_pause_that_was_counted_before_it_was_made_does_not_count_again() -> None:
    clock = _Clock()
    budget = WaitBudget(10, clock=clock)
    assert budget.pause(8)
    clock.after(8)
    budget.waited(_HOST, 8)
    assert _HOST not in budget.given_up


def test_every_answer_is_late() -> None:
    """16 responses at a time, each after 50 seconds: a thousand would take an hour."""
    clock = _Clock()
    budget = WaitBudget(clock=clock)
    rounds = 0
    while _HOST not in budget.given_up:
        clock.after(50)
        for _ in range(16):
            budget.waited(_HOST, lateness(50, 0))
        rounds += 1
    assert 600 <= clock.now <= 700
    assert rounds < 16


def _stream(budget: WaitBudget, clock: _Clock, rate: float, connections: int, seconds: float) -> float | None:
    """The time at which the stream was aborted; None if it was not."""
    end = clock.now + seconds
    while clock.now < end:
        clock.after(10)
        for _ in range(connections):
            if not budget.streamed(_HOST, int(10 * rate), 10):
                return clock.now
    return None


@pytest.mark.parametrize(
    "rate, connections, ends",
    [
        pytest.param(1_000_000, 1, False, id="fast"),
        pytest.param(SLOW_RATE, 1, False, id="just-fast-enough"),
        pytest.param(SLOW_RATE / 8, 16, False, id="many-share-a-slow-line"),
        pytest.param(SLOW_RATE / 2, 1, True, id="half-of-that"),
        pytest.param(SLOW_RATE / 32, 16, True, id="many-that-drip"),
        pytest.param(0, 1, True, id="nothing"),
    ],
)
def test_streams(rate: float, connections: int, ends: bool) -> None:
    clock = _Clock()
    found = _stream(WaitBudget(clock=clock), clock, rate, connections, 24 * 3600)
    assert (found is not None) is ends
    assert found is None or 600 <= found <= 1300


def test_a_stream_makes_up_for_its_delay() -> None:
    clock = _Clock()
    budget = WaitBudget(clock=clock)
    for _ in range(100):
        assert _stream(budget, clock, 0, 1, 500) is None
        assert _stream(budget, clock, 1_000_000, 1, 10) is None


def test_a_healthy_stream_hides_no_other_wait() -> None:
    clock = _Clock()
    budget = WaitBudget(clock=clock)
    while _OTHER not in budget.given_up:
        for _ in range(60):
            clock.after(1)
            assert budget.streamed(_HOST, 1_000_000, 1)
        budget.waited(_OTHER, 60)
    assert clock.now == 600
    assert budget.streamed(_HOST, 1_000_000, 1)


def test_clients_without_retries_share_the_wait_budget() -> None:
    clock = _Clock()
    budget = RetryBudget(clock=clock)
    mirror = budget.without_retries()
    assert not mirror.take(0)
    clock.after(601)
    mirror.waits.waited(_HOST, 601)
    assert _HOST in budget.waits.given_up
    assert not budget.take(0)


def test_waits_of_an_earlier_process_count() -> None:
    clock = _Clock()
    first = WaitBudget(100, clock=clock)
    clock.after(70)
    first.waited(_HOST, 70)
    assert first.used() == 70
    second = WaitBudget(100, used=first.used(), clock=clock)
    clock.after(40)
    second.waited(_HOST, 40)
    assert _HOST in second.given_up
    assert second.used() == 100

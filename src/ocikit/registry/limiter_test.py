from __future__ import annotations

import threading

import pytest

from ocikit.registry.limiter import Limiter


class _Time:
    """A clock that only waiting advances."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def limiter(self, most: int) -> Limiter:
        return Limiter(most, clock=lambda: self.now, sleep=self.sleep)


def _succeed(limiter: Limiter, times: int) -> None:
    for _ in range(times):
        limiter.acquire("h").release(200)


def test_halves_and_grows_back() -> None:
    limiter = _Time().limiter(16)
    assert limiter.limit("h") == 16
    for expected in (8, 4, 2, 1, 1):
        limiter.acquire("h").release(429)
        assert limiter.limit("h") == expected
    _succeed(limiter, 1)
    assert limiter.limit("h") == 2
    _succeed(limiter, 2)
    assert 2 <= limiter.limit("h") <= 3
    _succeed(limiter, 1000)
    assert limiter.limit("h") == 16
    assert limiter.limit("other") == 16


@pytest.mark.parametrize("status", [429, 503])
def test_refusals_space_requests_out_and_successes_bring_them_together(status: int) -> None:
    time = _Time()
    limiter = time.limiter(16)
    _succeed(limiter, 3)
    assert time.slept == []
    for _ in range(4):
        limiter.acquire("h").release(status)
    limiter.acquire("h").release(404)
    assert time.slept == pytest.approx([1 / 50, 1 / 25, 1 / 12.5])
    time.slept.clear()
    _succeed(limiter, 3)
    assert time.slept == pytest.approx([1 / 6.25, 1 / 6.25, 1 / 6.75])
    _succeed(limiter, 2000)
    time.slept.clear()
    _succeed(limiter, 3)
    assert time.slept == []


def test_a_registry_that_allows_ten_requests_in_a_second() -> None:
    time = _Time()
    limiter, refused, answered = time.limiter(16), 0, 0
    level, last = 0.0, 0.0
    while answered < 200:
        permit = limiter.acquire("h")
        level, last = max(0.0, level - 10 * (time.now - last)), time.now
        if level < 5:
            level, answered = level + 1, answered + 1
            permit.release(200)
        else:
            refused += 1
            permit.release(429)
    assert refused < 40
    assert time.now < 30


def test_concurrent_refusals_count_once() -> None:
    limiter = _Time().limiter(16)
    permits = [limiter.acquire("h") for _ in range(16)]
    for permit in permits:
        permit.release(429)
    assert limiter.limit("h") == 8


def test_other_errors_change_nothing() -> None:
    limiter = _Time().limiter(16)
    limiter.acquire("h").release(429)
    for status in (None, 404, 500):
        limiter.acquire("h").release(status)
    assert limiter.limit("h") == 8


def test_a_pause_is_for_all_requests_to_a_host() -> None:
    time = _Time()
    limiter = time.limiter(2)
    limiter.pause("h", 5)
    limiter.pause("h", 3)
    limiter.acquire("other").release(200)
    assert time.slept == []
    limiter.acquire("h").release(200)
    limiter.acquire("h").release(200)
    assert time.slept == [5]


def test_concurrency_stays_within_the_limit() -> None:
    limiter, lock, active, seen = Limiter(3), threading.Lock(), [0], []

    def work() -> None:
        for _ in range(20):
            permit = limiter.acquire("h")
            with lock:
                active[0] += 1
                seen.append(active[0])
            with lock:
                active[0] -= 1
            permit.release(200)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert max(seen) <= 3
    assert len(seen) == 160


def test_a_thread_that_has_a_turn_never_waits_for_itself() -> None:
    limiter = Limiter(1)
    outer = limiter.acquire("h")
    inner = limiter.acquire("h")
    inner.release(200)
    outer.release(200)
    outer.release(200)
    limiter.acquire("h").release(200)

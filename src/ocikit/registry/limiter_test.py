from __future__ import annotations

import threading

from ocikit.registry.limiter import Limiter


def _succeed(limiter: Limiter, times: int) -> None:
    for _ in range(times):
        limiter.enter("h").leave(200)


def test_halves_and_grows_back() -> None:
    limiter = Limiter(16)
    assert limiter.limit("h") == 16
    for wanted in (8, 4, 2, 1, 1):
        limiter.enter("h").leave(429)
        assert limiter.limit("h") == wanted
    _succeed(limiter, 1)
    assert limiter.limit("h") == 2
    _succeed(limiter, 2)
    assert 2 <= limiter.limit("h") <= 3
    _succeed(limiter, 1000)
    assert limiter.limit("h") == 16
    assert limiter.limit("other") == 16


def test_what_was_under_way_together_counts_once() -> None:
    limiter = Limiter(16)
    turns = [limiter.enter("h") for _ in range(16)]
    for turn in turns:
        turn.leave(429)
    assert limiter.limit("h") == 8


def test_other_errors_change_nothing() -> None:
    limiter = Limiter(16)
    limiter.enter("h").leave(429)
    for status in (None, 404, 500):
        limiter.enter("h").leave(status)
    assert limiter.limit("h") == 8


def test_a_pause_is_everybodys() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    limiter = Limiter(2, clock=lambda: now[0], sleep=sleep)
    limiter.pause("h", 5)
    limiter.pause("h", 3)
    limiter.enter("other").leave(200)
    assert slept == []
    limiter.enter("h").leave(200)
    limiter.enter("h").leave(200)
    assert slept == [5]


def test_no_more_at_once_than_the_limit() -> None:
    limiter, lock, active, seen = Limiter(3), threading.Lock(), [0], []

    def work() -> None:
        for _ in range(20):
            turn = limiter.enter("h")
            with lock:
                active[0] += 1
                seen.append(active[0])
            with lock:
                active[0] -= 1
            turn.leave(200)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert max(seen) <= 3
    assert len(seen) == 160


def test_who_has_a_turn_never_waits_for_himself() -> None:
    limiter = Limiter(1)
    outer = limiter.enter("h")
    inner = limiter.enter("h")
    inner.leave(200)
    outer.leave(200)
    outer.leave(200)
    limiter.enter("h").leave(200)

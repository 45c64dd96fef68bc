from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocikit.file_lock import lock


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    number = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    yield number
    os.close(number)


def test_a_lock_that_is_kept(tmp_path: Path, held: int) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(TimeoutError, match="another process has kept it locked for 0.1 seconds"):
        lock(number, 0.1)
    os.close(number)


def test_a_lock_that_is_released(tmp_path: Path, held: int) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    threading.Timer(0.1, fcntl.flock, (held, fcntl.LOCK_UN)).start()
    lock(number, 20)
    os.close(number)


def test_a_lock_for_many_threads(tmp_path: Path) -> None:
    """Only one thread holds it at a time, and each thread gets it."""
    inside, most = [0], [0]

    def work() -> None:
        number = os.open(tmp_path, os.O_RDONLY)
        lock(number, 20)
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.001)
        inside[0] -= 1
        os.close(number)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]

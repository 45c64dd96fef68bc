"""The cost of a command: wall time and processor time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds. `processor`: user and system time of all processes of the command."""

    wall: float
    processor: float


def measure(action: Callable[[], object], daemons: Iterable[int] = ()) -> Cost:
    """Run `action`, which waits for its processes. `daemons`: other processes that work for it; children count."""
    pids = tuple(daemons)
    used_before = _used(pids)
    start = time.perf_counter()
    action()
    wall = time.perf_counter() - start
    return Cost(wall, _used(pids) - used_before)


def _used(daemons: tuple[int, ...]) -> float:
    times = os.times()
    return times.children_user + times.children_system + sum(_used_by(pid) for pid in daemons)


def _used_by(pid: int) -> float:
    """Seconds of a process and its ended children. proc(5): the state, 10 fields and the times follow the name."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

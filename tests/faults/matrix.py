"""Every cell: each request, each fault, once and each time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import NamedTuple

from faults.cell import Cell, Publisher, run_cell
from faults.scenario import FAULTS, REQUESTS, Request

# Cells at a time on each processor; most of a cell's time is computation, but cells without a response wait.
_AT_A_TIME = 6


class Key(NamedTuple):
    request: str
    fault: str
    once: bool


KEYS = tuple(Key(request, fault, once) for fault in FAULTS for request in REQUESTS for once in (True, False))


def run_matrix(
    publish: Publisher,
    keys: Iterable[Key] = KEYS,
    requests: Mapping[str, Request] = REQUESTS,
    *,
    repair: bool = True,
    down_seconds: float = 0,
) -> Mapping[Key, Cell]:
    """Run cells. `publish`: a function of a module. `requests`: adapted for another publisher. See `run_cell`."""
    # The cells that wait longest come first.
    ordered = sorted(keys, key=lambda key: (not FAULTS[key.fault].stalls, key.once))
    processes = os.cpu_count() or 1
    run = partial(_run_some, publish, requests=dict(requests), repair=repair, down_seconds=down_seconds)
    # Not forked, since the caller may have threads.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        shares = [ordered[number::processes] for number in range(processes)]
        return dict(chain.from_iterable(pool.map(run, shares)))


def _run_some(
    publish: Publisher, keys: Sequence[Key], requests: Mapping[str, Request], *, repair: bool, down_seconds: float
) -> list[tuple[Key, Cell]]:
    def run(key: Key) -> Cell:
        request, fault = requests[key.request], FAULTS[key.fault]
        return run_cell(request, fault, publish, once=key.once, repair=repair, down_seconds=down_seconds)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(zip(keys, pool.map(run, keys)))

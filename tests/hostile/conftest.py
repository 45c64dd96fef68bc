"""Rows run in parallel: two for each processor, and up to 64 that only wait."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from hostile.rows import Row, Surroundings, run
from support.certificates import Authority
from support.network import Network

_MOST_THAT_WAIT = 64
# Addresses of the network of some rows. Public ones are real, and lead to this machine in it.
ADDRESSES = (
    *("11.0.0.1/32", "11.0.0.2/32", "10.0.0.1/32", "192.168.7.1/32", "172.16.0.1/32", "100.64.0.1/32"),
    *("169.254.169.254/32", "2606:4700::1/128", "fd12::1/128"),
)
NAMES = {
    "registry.example": ["11.0.0.1"],
    "cdn.example": ["11.0.0.2"],
    "company.example": ["10.0.0.1"],
    "tokens.company.example": ["192.168.7.1"],
    "metadata.example": ["169.254.169.254"],
    "here.example": ["127.0.0.1"],
    "both.example": ["10.0.0.1", "11.0.0.2"],
    "six.example": ["2606:4700::1"],
}
# Names whose second look-up returns another address.
CHANGING = {"changing.example": ["11.0.0.2", "127.0.0.1"], "changing-inside.example": ["11.0.0.2", "10.0.0.1"]}


@pytest.fixture(scope="session")
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Row], None]]:
    """Fail with all problems of a row. All selected rows start with the first call."""
    # Another folder may have a parameter of this name.
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    selected = [row for found in parameters if isinstance(row := found.get("row"), Row)]
    _delete_leftovers()
    with ExitStack() as stack:
        around = _surroundings(selected, stack, tmp_path_factory)
        busy, idle = (
            stack.enter_context(ThreadPoolExecutor(count)) for count in (2 * (os.cpu_count() or 1), _MOST_THAT_WAIT)
        )
        running: dict[int, Future[str]] = {
            id(row): (idle if row.waits else busy).submit(run, row, around) for row in selected
        }

        def check_row(row: Row) -> None:
            found = running[id(row)].result()
            assert not found, found

        yield check_row
        for result in running.values():
            result.cancel()


def _delete_leftovers() -> None:
    """faketime does not start if one with the same process ID was killed, because that left its semaphore behind."""
    for file in Path("/dev/shm").glob("*faketime_*_*"):
        if not Path("/proc", file.name.rpartition("_")[2]).exists():
            file.unlink(missing_ok=True)


def _surroundings(rows: Sequence[Row], stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Surroundings:
    """The surroundings that any of the rows needs."""
    network = authority = pair = None
    if any(row.where.apart for row in rows):
        network = stack.enter_context(Network(ADDRESSES, NAMES, CHANGING))
    if any(row.where.tls or row.where.other_tls for row in rows):
        authority = Authority(tmp_path_factory.mktemp("authority"))
        pair = authority.server("127.0.0.2", *NAMES)
    return Surroundings(network, authority.certificate if authority else None, pair)

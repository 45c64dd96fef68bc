"""Rows run side by side, as many as there are processors, and those that only wait all at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable

import pytest

from hostile.rows import Row, run

_MOST_THAT_WAIT = 64


@pytest.fixture(scope="session")
def check(request: pytest.FixtureRequest) -> Iterator[Callable[[Row], None]]:
    """Fails with everything that was wrong with a row; all that were selected begin with the first."""
    selected = [item.callspec.params["row"] for item in request.session.items if "check" in _fixtures(item)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as busy, ThreadPoolExecutor(_MOST_THAT_WAIT) as idle:
        running: dict[int, Future[str]] = {id(row): (idle if row.waits else busy).submit(run, row) for row in selected}

        def check_row(row: Row) -> None:
            found = running[id(row)].result()
            assert not found, found

        yield check_row
        for result in running.values():
            result.cancel()


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])

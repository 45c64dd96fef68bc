"""Addresses that a server chooses: each leads where everybody reads it to lead, or is refused, and no secret follows."""

from __future__ import annotations

import pytest

from hostile.rows import PULL, PUSH, SUCCEEDS, Row, Scene, check, table

ROWS = [Row("usual", ends=SUCCEEDS), Row("usual-push", command=PUSH, ends=SUCCEEDS)]


@pytest.mark.parametrize("row", table(ROWS))
def test_addresses(row: Row) -> None:
    check(row)

from __future__ import annotations

import pytest

from ocikit.units import human_bytes, human_part


@pytest.mark.parametrize(
    "count, text",
    [
        pytest.param(0, "0 B", id="nothing"),
        pytest.param(999, "999 B", id="bytes"),
        pytest.param(1000, "1.0 kB", id="kilobytes"),
        pytest.param(999_949, "999.9 kB", id="nearly"),
        pytest.param(999_950, "1.0 MB", id="rounded-up"),
        pytest.param(34_500_000, "34.5 MB", id="megabytes"),
        pytest.param(5 * 10**12, "5.0 TB", id="terabytes"),
    ],
)
def test_human_bytes(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    "count, total, text",
    [
        pytest.param(34_000_000, 120_000_000, "34.0 of 120.0 MB", id="one-unit"),
        pytest.param(0, 999, "0 of 999 B", id="bytes"),
        pytest.param(999, 1200, "999 B of 1.2 kB", id="two-units"),
    ],
)
def test_human_part(count: int, total: int, text: str) -> None:
    assert human_part(count, total) == text

"""Prices in cents, as people read them."""

from __future__ import annotations

CATALOGUE: dict[str, int] = {"tea": 450, "cake": 390, "water": 0}


def human(cents: int) -> str:
    """`450` is "4.50"."""
    return f"{cents // 100}.{cents % 100:02}"

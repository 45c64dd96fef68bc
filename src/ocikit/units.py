"""Sizes in bytes, formatted for people."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB")


def human_bytes(count: int) -> str:
    """Format `count` bytes: 999 B, 1.2 kB, 34.5 MB."""
    number, unit = _scaled(count)
    return f"{number} {unit}"


def human_part(count: int, total: int) -> str:
    """Format `count` of `total` bytes: 34.0 of 120.0 MB, 999 B of 1.2 kB."""
    (number, unit), (whole, whole_unit) = _scaled(count), _scaled(total)
    return f"{number} of {whole} {unit}" if unit == whole_unit else f"{number} {unit} of {whole} {whole_unit}"


def _scaled(count: int) -> tuple[str, str]:
    if count < 1000:
        return str(count), "B"
    value = float(count)
    for unit in _UNITS[:-1]:
        value /= 1000
        if value < 999.95:
            return f"{value:.1f}", unit
    return f"{value / 1000:.1f}", _UNITS[-1]

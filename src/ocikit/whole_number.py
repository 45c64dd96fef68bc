"""Whole numbers in untrusted text: headers, configuration, tags."""

from __future__ import annotations

# The largest size, duration or count in Go, in which registries and engines are written.
MAX_INT64 = 2**63 - 1


def whole_number(text: str, most: int = MAX_INT64) -> int | None:
    """Parse ASCII digits as a number of at most `most`; None for any other text.

    `str.isdigit` is true for digits that `int` refuses, such as "²", and for those of other scripts; `int` accepts
    "1_0", " 1" and, slowly, a million digits.

    >>> whole_number("07"), whole_number("²"), whole_number("-1"), whole_number("")
    (7, None, None, None)
    """
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(most)):
        return None
    number = int(digits)
    return number if number <= most else None

"""All output of commands, escaped so that a terminal only displays quoted text."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any

from ocikit.printable import printable, printable_json_pieces, printable_lines


def use_any_encoding() -> None:
    """Write characters that the encoding of a stream lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(*lines: str) -> None:
    """Print the result of a command."""
    print(printable_lines(lines))


def write_lines(lines: Iterable[str]) -> None:
    """Print a result whose lines are generated while they are printed."""
    sys.stdout.writelines(f"{printable(line)}\n" for line in lines)


def write_json(document: Any) -> None:
    """Print a result as JSON, which can express every character."""
    sys.stdout.writelines(printable_json_pieces(document))
    print()


def tell(*lines: str) -> None:
    """Print notes on standard error."""
    print(printable_lines(lines), file=sys.stderr, flush=True)


def tell_from_ocikit(lines: Iterable[str]) -> None:
    """Print notes with a prefix that distinguishes them from the output of other programs."""
    first, *more = lines
    tell(f"ocikit: {first}", *more)

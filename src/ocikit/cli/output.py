"""All that commands print: whatever it quotes, a terminal only shows it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any

from ocikit.printable import printable, printable_json_pieces, printable_lines


def use_any_encoding() -> None:
    """Where a stream is not UTF-8, write what it has no bytes for as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(*lines: str) -> None:
    """Print what a command was called for."""
    print(printable_lines(lines))


def write_lines(lines: Iterable[str]) -> None:
    """The same, of lines that are made while they are printed."""
    sys.stdout.writelines(f"{printable(line)}\n" for line in lines)


def write_json(document: Any) -> None:
    """The same as JSON, which has every character."""
    sys.stdout.writelines(printable_json_pieces(document))
    print()


def tell(*lines: str) -> None:
    """Print what else there is to know, on standard error."""
    print(printable_lines(lines), file=sys.stderr, flush=True)


def tell_from_ocikit(lines: Iterable[str]) -> None:
    """The same, where it must be told apart from what others say."""
    first, *more = lines
    tell(f"ocikit: {first}", *more)

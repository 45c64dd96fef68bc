"""Rendered files that are committed: where they lie, and which are stale, missing or left over. Pure."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ocikit.errors import InvalidInput

_MOST_DIFF_LINES = 20


def common_folder(own: str, paths: Iterable[str]) -> str:
    """The folder `own`, or the deepest one above it that has all files."""
    return os.path.commonpath([f"/{own}", *(f"/{os.path.dirname(path)}" for path in paths)])[1:]


def rendered_folder(own: str, value: str) -> str:
    """The folder from the build root that `value` says, relative to `own`; raises InvalidInput."""
    path = os.path.normpath(os.path.join(own, value))
    if not value or os.path.isabs(value) or path.split("/")[0] in (os.curdir, os.pardir):
        raise InvalidInput(f'"{value}" is no folder below the build root; write one such as "rendered".')
    return path


def within(folder: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of `paths` that lie in the folder."""
    return tuple(path for path in paths if path.startswith(f"{folder}/"))


@dataclass(frozen=True)
class Difference:
    """How committed files differ from rendered ones; each by its name, sorted."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.stale or self.missing or self.left_over)

    def lines(self, folder: str) -> Iterator[str]:
        """Each file in words."""
        for names, what in (
            (self.stale, "is stale"),
            (self.missing, "is missing"),
            (self.left_over, "is left over: nothing renders it"),
        ):
            yield from (f"{folder}/{name} {what}" for name in names)


def compare(rendered: Mapping[str, bytes], committed: Mapping[str, bytes]) -> Difference:
    """`left_over` are those that nothing renders. A BUILD file is none: no tool applies it."""
    return Difference(
        tuple(sorted(name for name in {*rendered} & {*committed} if rendered[name] != committed[name])),
        tuple(sorted({*rendered} - {*committed})),
        tuple(sorted(name for name in {*committed} - {*rendered} if not is_build_file(name))),
    )


def changed_lines(committed: bytes, rendered: bytes) -> Iterator[str]:
    """What is committed and what would be, at most some twenty lines."""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (committed, rendered))
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    yield from lines[:_MOST_DIFF_LINES]
    if len(lines) > _MOST_DIFF_LINES:
        yield f"… and {len(lines) - _MOST_DIFF_LINES} lines more"


def is_build_file(name: str) -> bool:
    """Whether Pants reads it; a copy of one would make targets."""
    base = os.path.basename(name)
    return base == "BUILD" or base.startswith("BUILD.")

"""The committed files of deployments: their folder, and which are stale, missing or left over. Pure."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ocikit.errors import InvalidInput

_MOST_DIFF_LINES = 20


def common_folder(own: str, paths: Iterable[str]) -> str:
    """The deepest folder that contains `own` and all files."""
    return os.path.commonpath([f"/{own}", *(f"/{os.path.dirname(path)}" for path in paths)])[1:]


def rendered_folder(own: str, value: str) -> str:
    """The path from the build root of the folder `value`, which is relative to `own`. Raises InvalidInput."""
    path = os.path.normpath(os.path.join(own, value))
    if not value or os.path.isabs(value) or path.split("/")[0] in (os.curdir, os.pardir):
        raise InvalidInput(f'expected a folder below the build root, such as "rendered", got "{value}".')
    return path


def within(folder: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The `paths` below the folder."""
    return tuple(path for path in paths if path.startswith(f"{folder}/"))


@dataclass(frozen=True)
class Difference:
    """How committed files differ from rendered ones, as sorted names."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.stale or self.missing or self.left_over)

    def lines(self, folder: str) -> Iterator[str]:
        """One line for each file."""
        for names, what in (
            (self.stale, "is stale"),
            (self.missing, "is missing"),
            (self.left_over, "is left over: nothing renders it"),
        ):
            yield from (f"{folder}/{name} {what}" for name in names)


def compare(rendered: Mapping[str, bytes], committed: Mapping[str, bytes]) -> Difference:
    """`left_over` are files that nothing renders, except BUILD files, which no tool applies."""
    return Difference(
        tuple(sorted(name for name in {*rendered} & {*committed} if rendered[name] != committed[name])),
        tuple(sorted({*rendered} - {*committed})),
        tuple(sorted(name for name in {*committed} - {*rendered} if not is_build_file(name))),
    )


def changed_lines(committed: bytes, rendered: bytes) -> Iterator[str]:
    """A unified diff without context, cut after 20 lines."""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (committed, rendered))
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    yield from lines[:_MOST_DIFF_LINES]
    if len(lines) > _MOST_DIFF_LINES:
        yield f"… and {len(lines) - _MOST_DIFF_LINES} more lines"


def is_build_file(name: str) -> bool:
    """Whether Pants reads targets from the file; a copy would define them again."""
    base = os.path.basename(name)
    return base == "BUILD" or base.startswith("BUILD.")

"""Globs as `.dockerignore` has them, in time that grows with their length and the path's, whatever they are. Pure.

A regular expression takes years for twenty stars. Here every step of a glob turns the places that a path may have been
read to into those that it may be read to with this step: one number, bit n for the place behind n letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Callable

_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL)


class _Path:
    """Where the letters of a path are, in such numbers."""

    def __init__(self, text: str) -> None:
        self.end = 1 << len(text)
        self.letters: dict[str, int] = {}
        for number, letter in enumerate(text):
            self.letters[letter] = self.letters.get(letter, 0) | 1 << number
        self.slashes = self.letters.get("/", 0)
        self.others = (self.end - 1) & ~self.slashes


_Step = Callable[[int, _Path], int]


@dataclass(frozen=True)
class Glob:
    """`beginning`: the letters before the first wildcard; `steps` read the rest."""

    beginning: str
    steps: Sequence[_Step]

    def matches(self, path: str, *, parents: bool = False) -> bool:
        """Whether it means `path`. `parents`: or a folder that this is in."""
        if not path.startswith(self.beginning):
            return False
        if not self.steps and not parents:
            return path == self.beginning
        known = _path(path)
        places = 1 << len(self.beginning)
        for step in self.steps:
            if not places:
                return False
            places = step(places, known)
        return places & (known.end | known.slashes if parents else known.end) != 0


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Glob:
    """Every text is a pattern."""
    beginning, steps, position = "", list[_Step](), 0
    while position < len(pattern):
        step: _Step = _any_letter
        length = 1
        if pattern.startswith("**/", position):
            step, length = _folders, 3
        elif pattern.startswith("**", position):
            step, length = _anything, 2
        elif pattern[position] == "*":
            step = _within_a_part
        elif pattern[position] != "?":
            found = _CLASS.match(pattern, position)
            if found:
                step, length = _one_of(found[1], found[2]), found.end() - position
            else:
                length = 2 if pattern[position] == "\\" and position + 1 < len(pattern) else 1
                letter = pattern[position + length - 1]
                if steps:
                    step = partial(_letter, letter)
                else:
                    beginning += letter
                    position += length
                    continue
        steps.append(step)
        position += length
    return Glob(beginning, tuple(steps))


@lru_cache(maxsize=16)
def _path(text: str) -> _Path:
    return _Path(text)


def _letter(letter: str, places: int, path: _Path) -> int:
    return (places & path.letters.get(letter, 0)) << 1


def _any_letter(places: int, path: _Path) -> int:
    return (places & path.others) << 1


def _within_a_part(places: int, path: _Path) -> int:
    # Adding carries through all that is not a slash, up to the next one.
    return places | ((path.others + (places & path.others)) ^ path.others)


def _anything(places: int, path: _Path) -> int:
    return (2 * path.end - 1) & -(places & -places)


def _folders(places: int, path: _Path) -> int:
    return places | (_anything(places, path) & path.slashes) << 1


def _one_of(negated: str, ranges: str) -> _Step:
    """What stands between the brackets: each character for itself but for ranges."""
    text = "".join(
        f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(only[-1])
        for first, last, only in re.findall(r"([^\\])-([^\\])|(\\.|[^\\])", ranges, re.DOTALL)
    )
    try:
        expression = re.compile(f"[{negated}{text}]", re.DOTALL)
    except re.error:
        # A range from high to low: no path can be meant.
        expression = re.compile(r"(?!)")

    def step(places: int, path: _Path) -> int:
        meant = sum(bits for letter, bits in path.letters.items() if expression.match(letter))
        return (places & meant) << 1

    return step

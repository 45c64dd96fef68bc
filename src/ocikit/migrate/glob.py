"""Globs of `.dockerignore`, matched in time that grows with their length times the path's. Pure.

A regular expression takes years for twenty stars. Here each step of a glob maps the set of positions that the path may
be read to before the step to those after it. A set is one number: bit n is the position after n characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Callable

_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL)


class _Path:
    """The positions of a path's characters, as such sets."""

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
    """A compiled glob. `beginning`: the characters before the first wildcard; `steps` match the rest."""

    beginning: str
    steps: Sequence[_Step]

    def matches(self, path: str, *, parents: bool = False) -> bool:
        """Whether it matches `path`. `parents`: or a folder above it."""
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
    """Compile a pattern; every text is valid."""
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
    # The addition carries through all other characters up to the next slash.
    return places | ((path.others + (places & path.others)) ^ path.others)


def _anything(places: int, path: _Path) -> int:
    return (2 * path.end - 1) & -(places & -places)


def _folders(places: int, path: _Path) -> int:
    return places | (_anything(places, path) & path.slashes) << 1


def _one_of(negated: str, ranges: str) -> _Step:
    """A step for the text between brackets: single characters and ranges."""
    text = "".join(
        f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(only[-1])
        for first, last, only in re.findall(r"([^\\])-([^\\])|(\\.|[^\\])", ranges, re.DOTALL)
    )
    try:
        expression = re.compile(f"[{negated}{text}]", re.DOTALL)
    except re.error:
        # A range from high to low matches nothing.
        expression = re.compile(r"(?!)")

    def step(places: int, path: _Path) -> int:
        meant = sum(bits for letter, bits in path.letters.items() if expression.match(letter))
        return (places & meant) << 1

    return step

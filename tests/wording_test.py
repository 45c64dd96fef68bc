"""Habits that made the texts of the code hard to read do not come back."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What to write instead.
HABITS = {
    r"(?<!there )(?<!there_)(?<![a-z])(?:is|are|was|were)[ _]no[ _](?!longer|more|less|matter|other)": "is not a",
    r"\bthere are: ": "available: or valid values:",
    r"(?<![a-z])wanted(?![a-z])": "expected, requested",
    r"(?<![a-z])whoever(?![a-z])": "anyone who, the caller",
    r"(?<![a-z])anew(?![a-z])": "again",
}
# "wanted" is a text to decode there.
_LEFT_OUT = (Path(__file__).resolve(), ROOT / "src/ocikit/registry/decoding_test.py")
_NAMES = re.compile(r"(?:async )?def (\w+)")


def _texts(source: str) -> Iterator[tuple[int, str]]:
    """Each comment, string and name of a function, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string
    for number, line in enumerate(source.splitlines(), 1):
        yield from ((number, found[1]) for found in _NAMES.finditer(line))


def _habits(source: str) -> list[str]:
    return [
        f"{number}: {found[0]!r}: write {better!r}"
        for number, text in _texts(source)
        for habit, better in HABITS.items()
        for found in re.finditer(habit, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("src", "pants-plugins", "tests", "benchmarks", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path not in _LEFT_OUT
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_habit_comes_back(path: Path) -> None:
    assert _habits(path.read_text()) == []


@pytest.mark.parametrize(
    "source, count",
    [
        ('"it is no tag"', 1),
        ("# there is no tag, and it is no longer there", 0),
        ("def test_what_is_no_tag() -> None: ...", 1),
        ('f"wanted {x}, there are: {y}"', 2),
        ('"expected a tag"', 0),
    ],
)
def test_a_habit_is_found(source: str, count: int) -> None:
    assert len(_habits(source)) == count

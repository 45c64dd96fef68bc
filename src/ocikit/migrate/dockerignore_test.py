from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.migrate.dockerignore import Ignore, matches


@pytest.mark.parametrize(
    "patterns, left_out, kept",
    [
        pytest.param("a", ["a", "a/b"], ["b/a", "ab"], id="name"),
        pytest.param("/a/", ["a", "a/b"], ["b/a"], id="slashes"),
        pytest.param("*.pyc", ["x.pyc"], ["a/x.pyc"], id="star"),
        pytest.param("**/*.pyc", ["x.pyc", "a/b/x.pyc"], ["x.py"], id="two-stars"),
        pytest.param("a/**/z", ["a/z", "a/b/c/z"], ["z"], id="in-the-middle"),
        pytest.param("a/**", ["a/b", "a/b/c"], ["a"], id="below"),
        pytest.param("temp?", ["temp1"], ["temp", "temp12"], id="one"),
        pytest.param("[a-c].txt", ["b.txt"], ["d.txt"], id="class"),
        pytest.param("[^a-c].txt", ["d.txt"], ["b.txt"], id="not-class"),
        pytest.param("*\n!a\n", ["b", "c/a"], ["a", "a/b"], id="included-again"),
        pytest.param("*\n!a\na/b", ["a/b"], ["a", "a/c"], id="and-again"),
        pytest.param("# a\n\n  b  \n", ["b"], ["# a", "a"], id="comment"),
        pytest.param("a\\*b", ["a*b"], ["axb"], id="escaped"),
        pytest.param(".\n", [], ["a"], id="all-of-it"),
        pytest.param("[z-a]", [], ["z"], id="no-range"),
    ],
)
def test_ignores(patterns: str, left_out: list[str], kept: list[str]) -> None:
    ignore = Ignore.parse(patterns)
    assert [path for path in left_out if not ignore.ignores(path)] == []
    assert [path for path in kept if ignore.ignores(path)] == []


@pytest.mark.parametrize(
    "pattern, path, expected",
    [
        ("*a" * 1000 + "b", "a" * 2000, False),
        ("*a" * 1000 + "*b", "a" * 2000 + "b", True),
        ("**/a/" * 500 + "b", "a/" * 1000, False),
        ("**/a/" * 500 + "b", "a/" * 1000 + "b", True),
        ("**a*" * 300 + "?", "a" * 2000 + "/", False),
        ("[^b]*" * 300 + "b", "a" * 2000, False),
    ],
)
def test_many_stars_are_matched_immediately(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@given(st.text(alphabet="ab*?/", max_size=8), st.text(alphabet="ab/", max_size=8))
def test_globs_match_like_regular_expressions(pattern: str, path: str) -> None:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = re.sub(r"\*\*/|\*\*|\*|\?", lambda found: words[found[0]], pattern)
    assert matches(pattern, path) is bool(re.fullmatch(expression, path))


@given(st.text(alphabet="ab*?[]^-\\/!", max_size=12), st.text(alphabet="ab/", max_size=8))
def test_every_pattern_is_valid(pattern: str, path: str) -> None:
    assert matches(pattern, path) in (True, False)
    assert Ignore.parse(pattern).ignores(path) in (True, False)

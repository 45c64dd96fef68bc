from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.moving.ignore import Ignore, matches


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
        pytest.param("*\n!a\n", ["b", "c/a"], ["a", "a/b"], id="taken-back"),
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


@given(st.text(alphabet="ab*?[]^-\\/!", max_size=12), st.text(alphabet="ab/", max_size=8))
def test_every_pattern_has_an_answer(pattern: str, path: str) -> None:
    assert matches(pattern, path) in (True, False)
    assert Ignore.parse(pattern).ignores(path) in (True, False)

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.migrate.shell_words import Growth, expand, key_values, split_words

VARIABLES = {"A": "one", "EMPTY": "", "A_1": "two", "7": "seven"}


# Docker's own table is BuildKit's frontend/dockerfile/shell/envVarTest.
@pytest.mark.parametrize(
    "text, expanded",
    [
        ("hello", "hello"),
        ("he'll'o", "hello"),
        ("he'$A'o", "he$Ao"),
        ('he"$A"o', "heoneo"),
        ('"a\\"b\\$A\\\\c\\d"', 'a"b$A\\c\\d'),
        ("a\\$A\\'b", "a$A'b"),
        ("a\\", "a"),
        ("'a\\'", "a\\"),
        ("$A", "one"),
        ("$A_1/x", "two/x"),
        ("$A.x", "one.x"),
        ("$7a", "sevena"),
        ("$", "$"),
        ("$/", "$/"),
        ("$NOT", ""),
        ("${A}x", "onex"),
        ("${NOT:-x $A}", "x one"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${NOT-x}", "x"),
        ("${A:+x}", "x"),
        ("${NOT:+x}", ""),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${NOT:-${A:+${A_1}}}", "two"),
        ("${NOT:-'}'}", "}"),
        ("${A:?no}", "one"),
        ("привет$A", "приветone"),
    ],
)
def test_expand(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES.get) == expanded


def test_another_escape() -> None:
    assert expand("C:\\x`$A", VARIABLES.get, "`") == "C:\\x$A"


@pytest.mark.parametrize(
    "text, message",
    [
        ("'a", "' is not closed"),
        ('"a', '" is not closed'),
        ("${A", "${ is not closed"),
        ("${A:-x", "${ is not closed"),
        ("${}", "expected ${NAME}, got ${ without a name."),
        ("${A%x}", "expected } or one of :-, :+, :?, -, +, ? after ${A, got '%'; write"),
        ("${NOT:?give it}", "NOT has no value: give it."),
    ],
)
def test_invalid_texts(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        expand(text, VARIABLES.get)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text, words",
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("a='b c' d", ["a='b c'", "d"]),
        ("a=b\\ c d", ["a=b\\ c", "d"]),
        ('a="b \' c" d', ['a="b \' c"', "d"]),
        ('a="b \\" c"', ['a="b \\" c"']),
    ],
)
def test_split_words(text: str, words: list[str]) -> None:
    assert list(split_words(text)) == words


@pytest.mark.parametrize(
    "text, pairs",
    [
        ("a=b c=d", [("a", "b"), ("c", "d")]),
        ("a=", [("a", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("a b c=d", [("a", "b c=d")]),
        ("a   b  c", [("a", "b  c")]),
    ],
)
def test_key_values(text: str, pairs: list[tuple[str, str]]) -> None:
    assert key_values(text) == pairs


@pytest.mark.parametrize("text", ["a", "a=b c", "=b"])
def test_invalid_key_values(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected NAME=VALUE"):
        key_values(text)


@given(st.text(alphabet="aA_1$ {}:-+?'\"\\", max_size=20))
def test_every_text_is_expanded_or_rejected(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        expand(text, VARIABLES.get)


@given(st.text(alphabet="abc$\"'\\ ", max_size=20))
def test_a_quoted_text_is_itself(text: str) -> None:
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    assert expand(quoted, VARIABLES.get) == text
    assert list(split_words(quoted)) == [quoted]


@pytest.mark.parametrize("opened, closed", [("${X:-", "}"), ('"${X:-', '}"'), ("${A:+", "}")])
def test_variables_within_variables_have_a_limit(opened: str, closed: str) -> None:
    assert expand(opened * 50 + "$A" + closed * 50, VARIABLES.get) == "one"
    with pytest.raises(InvalidInput, match="at most 100 levels"):
        expand(opened * 30_000 + "$A" + closed * 30_000, VARIABLES.get)


def test_values_that_use_each_other_repeatedly_have_a_limit() -> None:
    lookup = Growth().of({"A": "x" * 1_000}.get)
    assert len(expand("$A" * 1_000, lookup)) == 1_000_000
    with pytest.raises(InvalidInput, match="the values of variables exceed 1,048,576 characters"):
        expand("$A" * 1_000, lookup)

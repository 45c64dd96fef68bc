"""Errors are safe to print, whatever they quote."""

from __future__ import annotations

import pickle

import pytest

from ocikit.errors import InvalidContent, InvalidInput, NetworkError, OcikitError, RegistryError


def test_control_characters_in_quoted_text_are_escaped() -> None:
    error = InvalidInput('"a\nocikit: done\x1b[2J\u202e\udc80" is not a tag.')
    assert str(error) == r'"a\nocikit: done\x1b[2J\u202e\udc80" is not a tag.'


def test_lines_are_arguments() -> None:
    error = InvalidContent("it is damaged:", "one", "two\nthree")
    assert str(error) == "it is damaged:\none\ntwo\\nthree"
    assert error.lines == ("it is damaged:", "one", r"two\nthree")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_long_lines_are_cut() -> None:
    assert len(str(InvalidInput("x" * 10**6))) < 20_000


def test_every_field_of_an_answer_is_printable() -> None:
    error = RegistryError(method="GET", url="https://r/\x1b", status=400, code="\x1b", message="\x1b", advice="\x1b")
    assert "\x1b" not in f"{error} {error.__dict__!s}"
    assert (error.url, error.code, error.message) == (r"https://r/\x1b", r"\x1b", r"\x1b")


def test_errors_are_reworded_in_place() -> None:
    error = NetworkError("no answer from there")
    error.reword(lambda text: text.replace("there", "here\n"))
    assert str(error) == r"no answer from here\n"


@pytest.mark.parametrize("lines", [(), ("",)])
def test_an_error_may_have_no_text(lines: tuple[str, ...]) -> None:
    assert str(OcikitError(*lines)) == ""

"""Replacing values, and quoting those that need it."""

from __future__ import annotations

import pytest

from ocikit.manifests.substitute import Span, Unreplaced, replace

HEX = "e3" * 32


def _place(text: str, what: str, quote: str = "") -> Span:
    start = text.index(what)
    return Span(start, start + len(what), 1, start + 1, what.strip("'\""), quote)


def test_the_rest_stays_as_it_is() -> None:
    text = "\ufeffa: 'X' # é\r\n😀: [Y ,\tZ]"
    spans = [_place(text, "'X'", "'"), _place(text, "Y"), _place(text, "Z")]
    assert replace(text, spans, ["r/x", "longer/y", "z"]) == "\ufeffa: 'r/x' # é\r\n😀: [longer/y ,\tz]"
    assert replace(text, [], []) == text


@pytest.mark.parametrize(
    "value, written",
    [
        (f"registry.example/shop/web@sha256:{HEX}", f"registry.example/shop/web@sha256:{HEX}"),
        (f"127.0.0.1:5000/x@sha256:{HEX}", f"127.0.0.1:5000/x@sha256:{HEX}"),
        (f"1.0@sha256:{HEX}", f"1.0@sha256:{HEX}"),
        (f"_a@sha256:{HEX}", f'"_a@sha256:{HEX}"'),
        (f"[::1]:5000/x@sha256:{HEX}", f'"[::1]:5000/x@sha256:{HEX}"'),
        ("registry.example:5000", "registry.example:5000"),
        ("library/web", "library/web"),
        # These would be a number, a time or a boolean.
        ("1.0", '"1.0"'),
        ("12:30", '"12:30"'),
        ("1e3", '"1e3"'),
        ("0xff", '"0xff"'),
        ("2001-12-14", '"2001-12-14"'),
        ("true", '"true"'),
        ("On", '"On"'),
        ("y", '"y"'),
        ("null", '"null"'),
        ("nullable", "nullable"),
        ("", '""'),
        ("a:", '"a:"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
    ],
)
def test_a_value_without_quotes_gets_some_where_it_needs_them(value: str, written: str) -> None:
    assert replace("a: X", [_place("a: X", "X")], [value]) == f"a: {written}"


@pytest.mark.parametrize("quote, value, written", [("'", "a'b", "'a''b'"), ('"', "a'b", '"a\'b"')])
def test_quotes_stay_as_they_are(quote: str, value: str, written: str) -> None:
    text = f"a: {quote}X{quote}"
    assert replace(text, [_place(text, f"{quote}X{quote}", quote)], [value]) == f"a: {written}"


def test_json() -> None:
    place, left = Span(3, 9, 1, 4, "pants://a", "'"), Unreplaced(1, 2, "pants://a", "it is a key", is_comment=True)
    assert Span.from_json(place.to_json()) == place
    assert Unreplaced.from_json(left.to_json()) == left

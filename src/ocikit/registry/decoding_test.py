"""Every decoded form of a text, and where its parts came from."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.registry.decoding import readings, unescaped


@pytest.mark.parametrize(
    "text, read",
    [
        ("a%20b", "a b"),
        ("%c3%B6", "ö"),
        ("%F6%41", "öA"),
        ("%252541", "A"),
        ("%25", "%"),
        ("%u0041", "A"),
        ("%4", "%4"),
        (r"\u0041\u00f6", "Aö"),
        (r"\ud83d\ude80!", "🚀!"),
        (r"\u{1F680}", "🚀"),
        (r"\x41\xc3\xb6", "Aö"),
        (r"\/\"\\", '/"\\'),
        (r"a\nb", "a\nb"),
        ("&#65;&#x42&#0000067;", "ABC"),
        ("&amp;&lt;&eacute;", "&<é"),
        ("&amp;amp;#65;", "A"),
        ("&nosuch; & &#x110000; &#9999999;", "&nosuch; & &#x110000; &#9999999;"),
    ],
)
def test_one_step_undoes_escapes(text: str, read: str) -> None:
    assert (*unescaped(text), text)[0] == read


def test_steps_undo_nested_escapes() -> None:
    assert unescaped("%5Cu0026#65;") == (r"\u0026#65;", "&#65;", "A")


def _found(text: str, sought: str) -> set[str]:
    """The parts of `text` from which readings got `sought`."""
    places = [(reading, reading.text.find(sought)) for reading in readings(text, 2)]
    spans = [reading.source(at, at + len(sought)) for reading, at in places if at >= 0]
    return {text[start:end] for start, end in spans}


@pytest.mark.parametrize(
    "text, places",
    [
        ("x%20wanted%20y", {"wanted"}),
        ("x%77anted", {"%77anted"}),
        (r"x\u0077ant%65d;", {r"\u0077ant%65d"}),
        (f"is {base64.b64encode(b'12wanted3').decode()}", {"J3YW50ZWQ"}),
        (f"is {b'12wanted3'.hex()}", {b"wanted".hex()}),
        (f"{quote(base64.b64encode(b'wanted?>wanted').decode(), safe='')}", {"d2FudGVk"}),
        ("want\r\n  ed", {"want\r\n  ed"}),
    ],
)
def test_readings_are_traced_back(text: str, places: set[str]) -> None:
    assert _found(text, "wanted") & places


@given(st.text(st.sampled_from("%25u0041&#x;amp\\ \n=+/aZ"), max_size=60))
def test_any_text_is_read(text: str) -> None:
    for reading in readings(text, 2):
        for at in range(len(reading.text)):
            start, end = reading.source(at, at + 1)
            assert 0 <= start <= end <= len(text)

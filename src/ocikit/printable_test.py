"""Invisible characters are escaped, ordinary text is kept."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.printable import printable, printable_json, printable_lines

HIDDEN = [
    ("\x1b[31m", r"\x1b[31m"),
    ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ("\x9b31m", r"\x9b31m"),
    ("a\nb\r\tc", r"a\nb\r\tc"),
    ("\x00\x7f\x85", r"\x00\x7f\x85"),
    ("\u2028\u2029", r"\u2028\u2029"),
    ("\u202egpj.exe\u2066x\u2069", r"\u202egpj.exe\u2066x\u2069"),
    ("a\u200bb\u200cc\u200dd\u2060e\ufeff", r"a\u200bb\u200cc\u200dd\u2060e\ufeff"),
    ("\u00ad\u061c\u200e\u200f", r"\xad\u061c\u200e\u200f"),
    ("web\ufe0f", r"web\ufe0f"),
    ("\u3164\uffa0\u115f\u2800\u034f\u180e", r"\u3164\uffa0\u115f\u2800\u034f\u180e"),
    ("\U000e0041\U000e0100\U000e007f", r"\U000e0041\U000e0100\U000e007f"),
    ("\u00a0\u3000\u2003", r"\xa0\u3000\u2003"),
    ("\ud800 \udcff", r"\ud800 \udcff"),
    ("\ue000\uffff\U0010ffff", r"\ue000\uffff\U0010ffff"),
]


@pytest.mark.parametrize("text, shown", HIDDEN)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry.example/web:1.0",
        r"C:\new\x1b",
        "Zoë, straße, naïve — “quoted”…",
        "日本語 한국어 ไทย हिन्दी",
        "שלום עולם, مرحبا",
        "e\u0301 combining",
        "🚀 ❤️ ☁️ 👩‍💻 👨‍👩‍👧‍👦 👋🏽 🇩🇪 🏳️‍🌈 🫠",
    ],
)
def test_ordinary_text_is_kept(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "text, longest, shown",
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("\x1b\x1b\x1b", 6, r"\x1b\…"),
        ("a" * 10**7, 3, "aa…"),
    ],
)
def test_long_lines_are_cut(text: str, longest: int, shown: str) -> None:
    assert printable(text, longest) == shown


def test_a_newline_in_a_line_is_escaped() -> None:
    assert printable_lines(["one", "two\nthree"]) == "one\ntwo\\nthree"


def test_json_keeps_every_character() -> None:
    document = {"\x1b\u202e": ["\x7f\x85\u2028\U000e0041", "\ud800", "ö\n🚀", {"a": None}]}
    text = printable_json(document)
    assert json.loads(text) == document
    assert r"\u001b\u202e" in text and r"\u007f\u0085\u2028\udb40\udc41" in text and r"\ud800" in text
    assert "ö\\n🚀" in text


@given(st.text(st.characters(blacklist_categories=())))
def test_no_control_character_is_left(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    shown.encode("utf-8")
    assert {unicodedata.category(c) for c in shown.replace("\u200d", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()


@given(st.recursive(st.text(st.characters(blacklist_categories=["Cs"])), st.lists))
def test_json_is_lossless(document: object) -> None:
    text = printable_json(document)
    assert json.loads(text) == document
    assert all(printable(line) == line for line in text.split("\n"))

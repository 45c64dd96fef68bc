"""Any document that an emitter writes, and any text at all."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, SingleQuotedScalarString

from ocikit.errors import InvalidContent
from ocikit.manifests.scan import scan
from ocikit.manifests.substitute import replace
from ocikit.manifests.yaml_events import events

REFERENCE = f"[::1]:5000/shop/web@sha256:{'e3' * 32}"

_ADDRESSES = st.from_regex(r"pants://[a-z]{0,5}:[a-z]{1,5}(\?part=(tag|name))?", fullmatch=True)
# Each has a style that an emitter keeps.
_PLACES = st.builds(
    lambda style, address: style(address),
    st.sampled_from([str, SingleQuotedScalarString, DoubleQuotedScalarString]),
    _ADDRESSES,
)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
# The emitter leaves plain what begins with a colon; in flow style neither it, PyYAML nor kubectl reads that again.
_PLAIN_TEXTS = _TEXTS.filter(lambda text: not text.startswith(":"))
_OTHERS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), _PLAIN_TEXTS, _TEXTS.map(DoubleQuotedScalarString)),
    _ADDRESSES.map(lambda address: f"--image={address}"),
    _ADDRESSES.map(lambda address: LiteralScalarString(f"image: {address}\n")),
)
_KEYS = st.text("abcdef-", min_size=1, max_size=6) | _PLAIN_TEXTS


def _mapping(items: dict[str, Any], flow: bool) -> CommentedMap:
    mapping = CommentedMap(items)
    if flow:
        mapping.fa.set_flow_style()
    return mapping


def _sequence(items: list[Any], flow: bool) -> CommentedSeq:
    sequence = CommentedSeq(items)
    if flow:
        sequence.fa.set_flow_style()
    return sequence


_DOCUMENTS = st.recursive(
    _PLACES | _OTHERS,
    lambda inner: (
        st.builds(_mapping, st.dictionaries(_KEYS, inner, max_size=4), st.booleans())
        | st.builds(_sequence, st.lists(inner, max_size=4), st.booleans())
    ),
    max_leaves=15,
)


def _addresses(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [address for item in node.values() for address in _addresses(item)]
    if isinstance(node, list):
        return [address for item in node for address in _addresses(item)]
    return [str(node)] if isinstance(node, str) and node.startswith("pants://") else []


def _emitted(documents: list[Any], indent: int, line_break: str) -> str:
    emitter = YAML()
    emitter.indent(mapping=indent, sequence=indent + 2, offset=indent)
    emitter.width = 1_000_000
    stream = io.StringIO()
    emitter.dump_all(documents, stream)
    return stream.getvalue().replace("\n", line_break)


def _values(text: str) -> list[tuple[str, Any]]:
    return [(type(event).__name__, getattr(event, "value", None)) for event, _, _ in events(text)]


@given(st.lists(_DOCUMENTS, min_size=1, max_size=3), st.integers(2, 6), st.sampled_from(["\n", "\r\n"]))
def test_documents_of_an_emitter(documents: list[Any], indent: int, line_break: str) -> None:
    text = _emitted(documents, indent, line_break)
    scanned = scan(text, "f.yaml")
    expected = [address for document in documents for address in _addresses(document)]
    assert [place.address for place in scanned.spans] == expected
    rendered = replace(text, scanned.spans, [REFERENCE] * len(expected))
    _assert_only_places_differ(text, rendered, expected)


@given(st.recursive(_ADDRESSES | _TEXTS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=15))
def test_json_documents(document: Any) -> None:
    text = json.dumps(document, indent=1)
    scanned = scan(text, "f.json")
    expected = _addresses(document)
    assert [place.address for place in scanned.spans] == expected
    rendered = replace(text, scanned.spans, [REFERENCE] * len(expected))
    _assert_only_places_differ(text, rendered, expected)
    json.loads(rendered)


def _assert_only_places_differ(text: str, rendered: str, expected: list[str]) -> None:
    before, after = _values(text), _values(rendered)
    assert len(before) == len(after)
    assert [old for old, new in zip(before, after) if old != new] == [("ScalarEvent", address) for address in expected]
    assert [new for old, new in zip(before, after) if old != new] == [("ScalarEvent", REFERENCE)] * len(expected)
    again = scan(rendered, "f.yaml")
    assert again.spans == ()
    assert again.pinned == ((REFERENCE,) if expected else ())
    assert [(one.line, one.text) for one in again.unreplaced] == [
        (one.line, one.text) for one in scan(text, "f.yaml").unreplaced
    ]


_SYNTAX = st.sampled_from(
    [
        *"\n\r\t -:?,[]{}#&*!|>'\"%@`\\\0\x85\u2028\ufeff<=~.",
        "---",
        "...",
        "<<",
        "pants://a:b",
        "{{",
        "%YAML",
        "é😀",
        "a",
    ]
)


@given(st.text() | st.lists(_SYNTAX, max_size=40).map("".join))
def test_any_text_is_read_or_invalid_content(text: str) -> None:
    try:
        scanned = scan(text, "f.yaml")
    except InvalidContent:
        return
    addresses = [place.address for place in scanned.spans]
    assert all(address.startswith("pants://") for address in addresses)
    _assert_only_places_differ(text, replace(text, scanned.spans, [REFERENCE] * len(addresses)), addresses)

"""Tables of texts: spans, what stays unreplaced, and errors."""

from __future__ import annotations

import time

import pytest

from ocikit.errors import InvalidContent
from ocikit.manifests.scan import decode, scan

HEX = "e3" * 32


@pytest.mark.parametrize(
    "text, spans",
    [
        pytest.param("image: pants://a:b\n", ["pants://a:b"], id="plain"),
        pytest.param("image: 'pants://a:b'", ["'pants://a:b'"], id="single-quotes-no-final-newline"),
        pytest.param('image: "pants://a:b?part=tag" # c\n', ['"pants://a:b?part=tag"'], id="double-quotes"),
        pytest.param("image: pants://a:b   \r\nx: 1\r\n", ["pants://a:b"], id="crlf-and-spaces-after-it"),
        pytest.param("image: pants://a:b\rx: 1\r", ["pants://a:b"], id="cr"),
        pytest.param("\ufeffimage: pants://a:b\n", ["pants://a:b"], id="byte-order-mark"),
        pytest.param("\ufeff# c\n---\nimage: pants://a:b\n", ["pants://a:b"], id="byte-order-mark-and-comment"),
        pytest.param("x: 😀\n😀é: pants://a:b # 😀\n", ["pants://a:b"], id="beyond-the-bmp"),
        pytest.param("image:\tpants://a:b\t# c\nx:\n  - c\td\n", ["pants://a:b"], id="tabs-that-separate"),
        pytest.param("a: b\n\t\n\t# c\nimage: pants://a:b\t\n", ["pants://a:b"], id="lines-of-tabs"),
        pytest.param("pants://a:b", ["pants://a:b"], id="a-document-that-is-one"),
        pytest.param("--- pants://a:b\n... # c\n---\n- pants://c:d\n", ["pants://a:b", "pants://c:d"], id="documents"),
        pytest.param("---\n---\n# c\n---\na: pants://a:b\n---\n", ["pants://a:b"], id="empty-documents"),
        pytest.param("...\n# c\n...\na: pants://a:b\n...\n...\n", ["pants://a:b"], id="ends-of-no-documents"),
        pytest.param("a: |\n \n   b\n  \nc: pants://a:b\n", ["pants://a:b"], id="block-after-lines-of-spaces"),
        pytest.param("%YAML 1.2\n---\na: pants://a:b\n", ["pants://a:b"], id="directive"),
        pytest.param("%YAML 1.1\n---\n{a: pants://a:b}\n", ["pants://a:b"], id="old-directive-and-braces"),
        pytest.param("%TAG !e! tag:x.example,2000:\n---\na: !e!b pants://a:b\n", ["pants://a:b"], id="tag-directive"),
        pytest.param("{image: pants://a:b,c: [pants://c:d]}", ["pants://a:b", "pants://c:d"], id="flow"),
        pytest.param("[a, [pants://a:b],\n  {b: pants://c:d}\n]", ["pants://a:b", "pants://c:d"], id="flow-lines"),
        pytest.param("[image: pants://a:b]", ["pants://a:b"], id="flow-pair"),
        pytest.param('{"image":"pants://a:b"}', ['"pants://a:b"'], id="json"),
        pytest.param('{"image": "pants:\\/\\/a:b"}', ['"pants:\\/\\/a:b"'], id="json-escapes"),
        pytest.param("a: &x pants://a:b\nb: *x\n", ["pants://a:b"], id="anchor"),
        pytest.param("a: !!str pants://a:b\nb: !mine &x 'pants://c:d'\n", ["pants://a:b", "'pants://c:d'"], id="tag"),
        pytest.param("a: &x # c\n  pants://a:b\n", ["pants://a:b"], id="anchor-on-the-line-before"),
        pytest.param("a: !reset []\nb: !override {c: pants://a:b}\nc: !reset\n", ["pants://a:b"], id="compose-tags"),
        pytest.param("a:\n  pants://a:b\n", ["pants://a:b"], id="on-the-next-line"),
        pytest.param("- - - pants://a:b\n  - ? x\n    : pants://c:d\n", ["pants://a:b", "pants://c:d"], id="compact"),
        pytest.param("? [x, {y: z}]\n: pants://a:b\n'q': pants://c:d\n", ["pants://a:b", "pants://c:d"], id="any-keys"),
        pytest.param("a: &x {i: pants://a:b}\nb:\n  <<: *x\n  <<: *x\n", ["pants://a:b"], id="merge-keys"),
        pytest.param("a: &x\n  b: *x\n  c: pants://a:b\n", ["pants://a:b"], id="alias-of-what-it-is-in"),
        pytest.param("on: yes\n=: =\nm: 0644\nt: 1:2\nn: ~\n~: pants://a:b\n", ["pants://a:b"], id="yaml-1.1-values"),
        pytest.param("a: pants://not an address\nb: pants://a:b?x\n", ["pants://a:b?x"], id="wrong-addresses-too"),
        pytest.param("- " * 3000 + "pants://a:b", ["pants://a:b"], id="deep"),
        pytest.param("[" * 3000 + "pants://a:b" + "]" * 3000, ["pants://a:b"], id="deep-flow"),
        pytest.param("", [], id="empty"),
        pytest.param("# c", [], id="comment-alone"),
    ],
)
def test_places(text: str, spans: list[str]) -> None:
    assert [text[place.start : place.end] for place in scan(text, "f.yaml").spans] == spans


@pytest.mark.parametrize(
    "text, line, column, address, quote",
    [
        pytest.param("a: pants://a:b", 1, 4, "pants://a:b", "", id="first-line"),
        pytest.param("\ufeffa: pants://a:b", 1, 4, "pants://a:b", "", id="byte-order-mark"),
        pytest.param("a: 1\r\n\r\nb: &x 'pants://a:b'", 3, 7, "pants://a:b", "'", id="anchor-crlf"),
        pytest.param('😀\n---\n{"😀": "pants:\\/\\/a:b"}', 3, 7, "pants://a:b", '"', id="escapes"),
        pytest.param('a: "pants://\\ud800"', 1, 4, "pants://\\ud800", '"', id="half-a-character"),
    ],
)
def test_where_it_is(text: str, line: int, column: int, address: str, quote: str) -> None:
    (place,) = scan(text, "f.yaml").spans
    assert (place.line, place.column, place.address, place.quote) == (line, column, address, quote)


@pytest.mark.parametrize(
    "text, found",
    [
        pytest.param("x: 1 # pants://a:b, c\n", [(1, 8, "pants://a:b", "in a comment")], id="comment"),
        pytest.param("x: {y: z # 'pants://a:b'\n}", [(1, 13, "pants://a:b", "in a comment")], id="comment-in-flow"),
        pytest.param("pants://a:b: 1\n", [(1, 1, "pants://a:b:", "a key")], id="key"),
        pytest.param("{'pants://a:b': 1}", [(1, 3, "pants://a:b", "a key")], id="quoted-key"),
        pytest.param("? [pants://a:b]\n: 1\n", [(1, 4, "pants://a:b", "a key")], id="in-a-key"),
        pytest.param("x: >-\n  pants://a:b\n", [(2, 3, "pants://a:b", "on the line of its key")], id="folded"),
        pytest.param(
            "x: |\n  image: pants://a:b\n  # pants://c:d\n",
            [(2, 10, "pants://a:b", "a block of text"), (3, 5, "pants://c:d", "a block of text")],
            id="text",
        ),
        pytest.param("x: pants://a:b\n  c\n", [(1, 4, "pants://a:b", "several lines")], id="plain-lines"),
        pytest.param("x: 'pants://a:b\n  '\n", [(1, 5, "pants://a:b", "several lines")], id="quoted-lines"),
        pytest.param('x: "pants://a\\\n  :b"\n', [(1, 5, "pants://a", "several lines")], id="escaped-line-break"),
        pytest.param("- --x=pants://a:b\n", [(1, 7, "pants://a:b", "only a part")], id="part"),
        pytest.param("- ' pants://a:b'\n", [(1, 5, "pants://a:b", "only a part")], id="space-before-it"),
        pytest.param('["see pants:\\/\\/a:b"]', [(1, 2, "pants://a:b", "only a part")], id="escapes"),
        pytest.param("x: !<pants://a:b> y\n", [(1, 6, "pants://a:b", "not a value")], id="tag"),
        pytest.param("x: Pants://a:b\ny: pants:/a\n", [], id="nothing-like-it"),
    ],
)
def test_left(text: str, found: list[tuple[int, int, str, str]]) -> None:
    scanned = scan(text, "f.yaml")
    assert scanned.spans == ()
    assert [(one.line, one.column, one.text) for one in scanned.unreplaced] == [one[:3] for one in found]
    assert all(why in one.why for one, (*_, why) in zip(scanned.unreplaced, found))
    assert [one.is_comment for one in scanned.unreplaced] == ["comment" in why for *_, why in found]


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param("a: b: c", "1:5: not YAML: mapping values are not allowed here", id="two-colons"),
        pytest.param("a:\r\n  b: 1\r\n c: 2", "3:2: not YAML: expected <block end>", id="indentation"),
        pytest.param("a: [1,\nb: 2", "2:5: not YAML", id="open-bracket"),
        pytest.param('a: "x\n', "2:1: not YAML: found unexpected end of stream", id="open-quotes"),
        pytest.param("a:\n\tb: 1\n", "2:1: not YAML: a tab cannot indent; write spaces", id="tab"),
        pytest.param("a: 1\nb: \x07", "2:4: not YAML: the character U+0007", id="control-character"),
        pytest.param("[a]\nb = 1\n", "2:1: not YAML: expected '<document start>', but found '<scalar>'.", id="toml"),
        pytest.param('a: "\\q"', "1:6: not YAML: found unknown escape character 'q'", id="escape"),
        pytest.param('a: "\\UFFFFFFFF"', "not YAML", id="beyond-unicode"),
        pytest.param("a: @x", "1:4: not YAML: found character '@'", id="at"),
        pytest.param("a: !e!x y", "1:4: not YAML: found undefined tag handle '!e!'", id="tag"),
        pytest.param("%YAML 2.0\n---\n", "1:1: not YAML: found incompatible YAML document", id="version"),
        pytest.param("- *x\n", '1:3: "*x" has no "&x" before it', id="alias"),
        pytest.param("a: &x 1\n---\nb: *x", "3:4:", id="alias-of-another-document"),
        pytest.param("[" * 3000, "1:3001: not YAML", id="deep"),
        pytest.param("a: 1\nb:\n  c: 1\n  'c': 2\n", '4:3: the key "c" is in line 3 and again in line 4', id="key"),
        pytest.param("{a: 1, a: 2}", '1:8: the key "a" is twice in line 1', id="key-in-flow"),
        pytest.param(
            "- {a: 1}\n- {a: 1,\n   ? a}", '3:6: the key "a" is in line 2 and again in line 3', id="key-alone"
        ),
    ],
)
def test_invalid_yaml(text: str, problem: str) -> None:
    with pytest.raises(InvalidContent) as error:
        scan(text, "deploy/f.yaml")
    assert str(error.value).startswith("deploy/f.yaml:")
    assert problem in str(error.value)
    assert "Helm" not in str(error.value)


@pytest.mark.parametrize(
    "text, line", [("a: 1\n{{- if .x }}\nb: 2\n{{- end }}", 3), ("a: 1\nimage: {{ .image }}\n", 2)]
)
def test_a_template_of_a_chart(text: str, line: int) -> None:
    with pytest.raises(InvalidContent, match=rf"f.yaml:{line}:.* a template of a Helm chart: .* into a values file"):
        scan(text, "f.yaml")


def test_not_utf8() -> None:
    assert decode("\ufeffé".encode(), "f.yaml") == "\ufeffé"
    with pytest.raises(InvalidContent, match=r"f.yaml: not UTF-8: byte 4 is 0xe9. Write it in UTF-8."):
        decode("a: é".encode("latin-1"), "f.yaml")


def test_pinned() -> None:
    text = f"""
a: r.example:5000/x@sha256:{HEX}   # r.example/c@sha256:{HEX}
b: ['r.example/x:1@sha256:{HEX}', r.example:5000/x@sha256:{HEX}, --y=r.example/y@sha256:{HEX}]
r.example/k@sha256:{HEX}: 1.0@sha256:{HEX}
d: sha256:{HEX}
e: r.example/UPPER@sha256:{HEX}
"""
    assert scan(text, "f.yaml").pinned == (f"r.example:5000/x@sha256:{HEX}", f"r.example/x:1@sha256:{HEX}")


@pytest.mark.parametrize(
    "text", ['a: "x ' + "pants://a:b " * 30_000 + '"', 'a: "pants://a:b' + ",pants://a:b" * 30_000 + '"']
)
def test_a_value_with_thousands_of_addresses_is_looked_at_once(text: str) -> None:
    started = time.process_time()
    found = scan(text, "f.yaml")
    assert len(found.spans) + len(found.unreplaced) in (1, 30_000)
    # Looking at each address by itself takes minutes.
    assert time.process_time() - started < 20

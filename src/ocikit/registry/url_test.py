"""Valid addresses, refused ones, and how other parsers read the same text."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from ocikit.errors import ProtocolViolation
from ocikit.registry.url import parse, resolve
from ocikit.testing.hostile_urls import HOSTILE_URLS, REFERENCES, hostile_urls

_BASE = parse("https://r.example/v2/a/b?c")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("https://r.example", "https://r.example/"),
        ("HTTPS://R.Example:443/A", "https://r.example/A"),
        ("http://r.example:80/", "http://r.example/"),
        ("http://r.example:0080/", "http://r.example/"),
        ("http://r.example:443/", "http://r.example:443/"),
        ("https://r.example:65535/", "https://r.example:65535/"),
        ("https://r.example?x=1", "https://r.example/?x=1"),
        ("https://r.example/?", "https://r.example/?"),
        ("https://r.example#f", "https://r.example/"),
        ("https://r.example/a#b?c", "https://r.example/a"),
        ("https://r.example./a", "https://r.example./a"),
        ("https://under_score.example/", "https://under_score.example/"),
        ("https://127.0.0.1:5000/v2/", "https://127.0.0.1:5000/v2/"),
        ("https://0x7f.1/", "https://0x7f.1/"),
        ("https://[::1]:5000/", "https://[::1]:5000/"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]/"),
        ("https://[FE80::1]/", "https://[fe80::1]/"),
        ("https://r.example/a/./b/../c", "https://r.example/a/c"),
        ("https://r.example/../../x", "https://r.example/x"),
        ("https://r.example/a/..", "https://r.example/"),
        ("https://r.example//a/%2e%2e/b", "https://r.example//a/%2e%2e/b"),
        ("https://r.example/..//x", "https://r.example//x"),
        ("https://r.example/a%2fb?c%2fd", "https://r.example/a%2fb?c%2fd"),
        ("https://r.example/100%?%zz", "https://r.example/100%25?%zz"),
        ('https://r.example/a"<>{}|^`[]?"<>{}|^`[]', None),
        # The bytes of "é" in UTF-8, as a header gives them.
        ("https://r.example/\xc3\xa9?\xc3\xa9", "https://r.example/%C3%A9?%C3%A9"),
        ("https://r.example/\u2028", "https://r.example/%E2%80%A8"),
        ("https://r.example/\ud800", "https://r.example/%ED%A0%80"),
        ("https://r.example/a@b:c/?d@e/f?g", "https://r.example/a@b:c/?d@e/f?g"),
    ],
)
def test_addresses(text: str, expected: str | None) -> None:
    path, query = "%22%3C%3E%7B%7D%7C%5E%60%5B%5D", "%22%3C%3E{}|^`[]"
    assert str(parse(text)) == (expected or f"https://r.example/a{path}?{query}")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "without a scheme"),
        ("r.example/x", "without a scheme"),
        ("//r.example/x", "without a scheme"),
        ("r.example:5000/x", "with another scheme"),
        ("ftp://r.example/", "with another scheme"),
        ("file:///etc/passwd", "with another scheme"),
        ("http:r.example", "with another scheme"),
        ("http:/r.example", "with another scheme"),
        ("https:///r.example", "without a host"),
        ("http://", "without a host"),
        ("http://?x", "without a host"),
        ("http://#x", "without a host"),
        ("httpſ://r.example/", "with another scheme"),
        ("http://r.example\\@evil.example/", "with a backslash"),
        ("http://r.example/\\x", "with a backslash"),
        ("http:\\\\r.example", "with a backslash"),
        ("http://r.example/a b", "with white space or a control character"),
        (" http://r.example/", "with white space or a control character"),
        ("http://r.exa\tmple/", "with white space or a control character"),
        ("http://r.example/\r\nX: y", "with white space or a control character"),
        ("http://r.example/\x00", "with white space or a control character"),
        ("http://r.example/\x1b[2J", "with white space or a control character"),
        ("http://r.example/\x7f", "with white space or a control character"),
        ("http://r.example/#\n", "with white space or a control character"),
        ("http://user@r.example/", "with user information"),
        ("http://user:password@r.example/", "with user information"),
        ("http://@r.example/", "with user information"),
        ("http://a@b@r.example/", "with user information"),
        ("http://é.example/", "that are not ASCII"),
        ("http://r.example\u3002evil.example/", "that are not ASCII"),
        ("http://ｒ.example/", "that are not ASCII"),
        ("http://r.example\u2028/", "that are not ASCII"),
        ("http://127.0.0.1:8０/", "that are not ASCII"),
        ("http://r.example:/", "with a port"),
        ("http://r.example:0/", "with a port"),
        ("http://r.example:65536/", "with a port"),
        ("http://r.example:999999/", "with a port"),
        ("http://r.example:-1/", "with a port"),
        ("http://r.example:+80/", "with a port"),
        ("http://r.example:8_0/", "with a port"),
        ("http://r.example:80:81/", "with a port"),
        ("http://[::1]:x/", "with a port"),
        ("http://[::1/", "is neither"),
        ("http://::1/", "is neither"),
        ("http://[::1]x/", "is neither"),
        ("http://[::1%25eth0]/", "is neither"),
        ("http://[v1.x]/", "is neither"),
        ("http://r%2eexample/", "is neither"),
        ("http://r.example%00.evil/", "is neither"),
        ("http://r.example;evil/", "is neither"),
        ("http://r.example&evil/", "is neither"),
        ("http://r'or'1/", "is neither"),
        ("http://[::1]]/", "is neither"),
        ("http://a..b/", "is neither"),
        ("http://../", "is neither"),
        ("http://.a/", "is neither"),
        (f"http://{'x' * 64}.example/", "is neither"),
        (f"http://{'x.' * 128}/", "too long"),
        ("http://[:::1]/", "not an IPv6 address"),
        ("http://[1.2.3.4]/", "not an IPv6 address"),
        ("http://[1:2]/", "not an IPv6 address"),
    ],
)
def test_refused_addresses(text: str, reason: str) -> None:
    with pytest.raises(ProtocolViolation, match=reason) as raised:
        parse(text)
    # The message quotes nothing: the text may hold a secret or control characters of a terminal.
    assert str(raised.value).isascii() and "evil" not in str(raised.value)


@pytest.mark.parametrize(
    "reference, expected",
    [
        ("https://s.example/x", "https://s.example/x"),
        ("//s.example/x", "https://s.example/x"),
        ("//s.example:80", "https://s.example:80/"),
        ("/x?y#z", "https://r.example/x?y"),
        ("x", "https://r.example/v2/a/x"),
        ("./x", "https://r.example/v2/a/x"),
        ("../x?y", "https://r.example/v2/x?y"),
        ("?y", "https://r.example/v2/a/b?y"),
        ("?", "https://r.example/v2/a/b?"),
        ("#z", "https://r.example/v2/a/b?c"),
        ("", "https://r.example/v2/a/b?c"),
        (" \t/x \t", "https://r.example/x"),
        ("x/y:z", "https://r.example/v2/a/x/y:z"),
        ("/@evil.example/", "https://r.example/@evil.example/"),
        ("/..//evil.example/", "https://r.example//evil.example/"),
        ("///evil.example/", None),
        ("//", None),
        ("////evil.example", None),
        ("/\\evil.example/", None),
        ("\\\\evil.example/", None),
        ("/\t/evil.example/", None),
        ("/\n/evil.example", None),
        ("x:y", None),
        ("https:evil.example", None),
        ("https:/evil.example", None),
        ("javascript:alert(1)", None),
        ("//user@evil.example/", None),
    ],
)
def test_references(reference: str, expected: str | None) -> None:
    if expected:
        assert str(resolve(_BASE, reference)) == expected
        return
    with pytest.raises(ProtocolViolation):
        resolve(_BASE, reference)


@pytest.mark.parametrize("text", HOSTILE_URLS)
def test_addresses_that_parsers_read_differently_are_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        resolve(_BASE, text)


@example("?{")
@given(st.one_of(hostile_urls(), st.text(), st.binary().map(lambda data: data.decode("latin-1"))))
def test_an_address_is_read_back_by_us_and_by_urllib3(text: str) -> None:
    try:
        found = resolve(_BASE, text)
    except ProtocolViolation:
        return
    assert parse(str(found)) == found
    assert str(found).isascii() and str(found).isprintable() and " " not in str(found)
    theirs = parse_url(str(found))
    assert (theirs.scheme, theirs.host, theirs.port or {"http": 80, "https": 443}[found.scheme]) == (
        found.scheme,
        found.bracketed_host,
        found.port,
    )
    # urllib3 encodes more characters of a query, such as "{"; the transport sends the target as it is here.
    assert (theirs.auth, theirs.fragment, unquote(theirs.request_uri)) == (None, None, unquote(found.target))


def test_a_query_is_sent_as_it_was_given() -> None:
    """It may be signed: Go and curl send these characters, too."""
    assert resolve(_BASE, "?{a}|^`'").target.endswith("?{a}|^`'")


@given(st.sampled_from(REFERENCES), st.sampled_from(REFERENCES))
def test_resolving_twice_is_resolving_once(first: str, second: str) -> None:
    try:
        found = resolve(resolve(_BASE, first), second)
    except ProtocolViolation:
        return
    assert resolve(_BASE, str(found)) == found

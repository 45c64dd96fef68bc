from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.registry.challenge import choose, merge_scopes, parse_challenges, repository_scope

_HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:library/python:pull,push"'
)

Parsed = list[tuple[str, dict[str, str]]]


@pytest.mark.parametrize(
    "header, expected",
    [
        pytest.param("", [], id="nothing"),
        pytest.param(
            _HUB,
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:library/python:pull,push",
                    },
                )
            ],
            id="docker-hub-comma-in-quotes",
        ),
        pytest.param('BASIC Realm="x"', [("basic", {"realm": "x"})], id="names-in-any-case"),
        pytest.param(r'Basic realm="a \"b\", \\c"', [("basic", {"realm": r'a "b", \c'})], id="escapes"),
        pytest.param(
            'Basic realm="a", Bearer realm="https://b/t" , service=c',
            [("basic", {"realm": "a"}), ("bearer", {"realm": "https://b/t", "service": "c"})],
            id="two-challenges",
        ),
        pytest.param("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})], id="bare"),
        pytest.param(
            'Negotiate YWJj==, Basic realm="x"',
            [("negotiate", {}), ("basic", {"realm": "x"})],
            id="token68",
        ),
        pytest.param(
            "Bearer realm=https://b.example/t?x=1,service=c",
            [("bearer", {"realm": "https://b.example/t?x=1", "service": "c"})],
            id="address-without-quotes",
        ),
        pytest.param(
            'Bearer realm = "a" ,\tservice= "b"',
            [("bearer", {"realm": "a", "service": "b"})],
            id="blanks-around-equals",
        ),
        pytest.param('Basic realm=""', [("basic", {"realm": ""})], id="empty-value"),
        pytest.param('Basic realm="never closed', [("basic", {})], id="quote-never-closed"),
        pytest.param(", ,, Basic realm=x,,", [("basic", {"realm": "x"})], id="empty-elements"),
        pytest.param('realm="x"', [], id="parameter-of-nothing"),
        # The example of RFC 9110, section 11.6.1.
        pytest.param(
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [
                ("basic", {"realm": "simple"}),
                ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ],
            id="rfc-9110",
        ),
    ],
)
def test_parse(header: str, expected: Parsed) -> None:
    assert [(c.scheme, dict(c.parameters)) for c in parse_challenges(header)] == expected


# Header values are bytes, which Python's HTTP reads as Latin-1.
_latin = st.binary(max_size=40).map(lambda data: data.decode("latin-1"))


@given(_latin | st.text(alphabet='abB "\\,=:/\t', max_size=40))
def test_any_text_is_read_without_an_error(header: str) -> None:
    parse_challenges(header)


_names = st.text(alphabet="abcdefgh-", min_size=1, max_size=8)


@given(
    st.lists(
        st.tuples(_names, st.dictionaries(_names, _latin, min_size=1, max_size=3)),
        max_size=3,
    )
)
def test_a_header_is_read_back(challenges: Parsed) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert [(c.scheme, dict(c.parameters)) for c in parse_challenges(header)] == challenges


@pytest.mark.parametrize(
    "header, expected",
    [
        pytest.param("Basic realm=a, Bearer realm=b", "bearer", id="bearer-before-basic"),
        pytest.param("Negotiate, Basic realm=a", "basic", id="basic"),
        pytest.param("Negotiate", None, id="neither"),
    ],
)
def test_choose(header: str, expected: str) -> None:
    chosen = choose(parse_challenges(header))
    assert (chosen.scheme if chosen else None) == expected


def test_scopes() -> None:
    pull = repository_scope("a/b", push=False)
    push = repository_scope("a/b", push=True)
    assert (pull, push) == ("repository:a/b:pull", "repository:a/b:pull,push")
    assert merge_scopes([pull, push, "", "registry:catalog:*"]) == ("registry:catalog:*", push)

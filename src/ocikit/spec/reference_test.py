"""Tables of names.

The parser accepts and refuses the same names as distribution/reference v0.6.0, with two exceptions: it
accepts sha512 digests, and its limit of 255 characters includes the registry, as in other clients
(distribution-spec v1.1.1, "Pulling manifests").
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.printable import printable
from ocikit.spec.digest import Digest
from ocikit.spec.reference import Reference, Repository, parse_repository, validate_tag

SHA256 = "sha256:" + "e3" * 32
SHA512 = "sha512:" + "e3" * 64
HEX = "0f" * 32


@pytest.mark.parametrize(
    "text, registry, path",
    [
        pytest.param("alpine", "docker.io", "library/alpine", id="short"),
        pytest.param("acme/web", "docker.io", "acme/web", id="two-components"),
        pytest.param("acme/shop/web", "docker.io", "acme/shop/web", id="three-components"),
        pytest.param("library/alpine", "docker.io", "library/alpine", id="library"),
        pytest.param("library/a/b", "docker.io", "library/a/b", id="library-nested"),
        pytest.param("docker.io/alpine", "docker.io", "library/alpine", id="hub"),
        pytest.param("docker.io/acme/web", "docker.io", "acme/web", id="hub-two-components"),
        pytest.param("index.docker.io/alpine", "docker.io", "library/alpine", id="old-hub"),
        pytest.param("index.docker.io/acme/web", "docker.io", "acme/web", id="old-hub-acme"),
        pytest.param(f"docker.io/{HEX}", "docker.io", f"library/{HEX}", id="hex-with-registry"),
        pytest.param(HEX[:-1], "docker.io", f"library/{HEX[:-1]}", id="63-hex"),
        pytest.param("localhost/web", "localhost", "web", id="localhost"),
        pytest.param("localhost:5000/web", "localhost:5000", "web", id="localhost-port"),
        pytest.param("registry:5000/web", "registry:5000", "web", id="port-makes-a-registry"),
        pytest.param("BUILDHOST/web", "BUILDHOST", "web", id="upper-case-makes-a-registry"),
        pytest.param("ghcr.io/acme/web", "ghcr.io", "acme/web", id="dot-makes-a-registry"),
        pytest.param("my-1.reg.example:443/a", "my-1.reg.example:443", "a", id="host-with-dash"),
        pytest.param("10.0.0.7/web", "10.0.0.7", "web", id="ipv4"),
        pytest.param("10.0.0.7:5000/a/b", "10.0.0.7:5000", "a/b", id="ipv4-port"),
        pytest.param("10.0.0.7", "docker.io", "library/10.0.0.7", id="ipv4-alone-is-a-path"),
        pytest.param("[::1]/web", "[::1]", "web", id="ipv6"),
        pytest.param("[fd00:1::7]:5000/a/b", "[fd00:1::7]:5000", "a/b", id="ipv6-port"),
        pytest.param("a/b_c.d/e__f/g---h", "docker.io", "a/b_c.d/e__f/g---h", id="separators"),
        pytest.param("xn--bcher-kva.example/a", "xn--bcher-kva.example", "a", id="punycode"),
        pytest.param("a/" + "b" * 243, "docker.io", "a/" + "b" * 243, id="255-characters"),
    ],
)
def test_repository(text: str, registry: str, path: str) -> None:
    repository = parse_repository(text)
    assert (repository.registry, repository.path) == (registry, path)
    assert str(repository) == f"{registry}/{path}"
    assert parse_repository(str(repository)) == repository
    assert Reference.parse(text) == Reference(repository)


@pytest.mark.parametrize(
    "text, full, tag, digest",
    [
        pytest.param("a", "docker.io/library/a", None, None, id="neither"),
        pytest.param("a:1.2", "docker.io/library/a:1.2", "1.2", None, id="tag"),
        pytest.param("a.example:5000", "docker.io/library/a.example:5000", "5000", None, id="port?"),
        pytest.param("a.example:5000/b:5050", "a.example:5000/b:5050", "5050", None, id="port-tag"),
        pytest.param("a:UPPER_1.x-", "docker.io/library/a:UPPER_1.x-", "UPPER_1.x-", None, id="case"),
        pytest.param("a:_", "docker.io/library/a:_", "_", None, id="underscore"),
        pytest.param(f"a@{SHA256}", f"docker.io/library/a@{SHA256}", None, SHA256, id="digest"),
        pytest.param(f"h:1/a@{SHA512}", f"h:1/a@{SHA512}", None, SHA512, id="sha512"),
        pytest.param(f"h:1/a:t@{SHA256}", f"h:1/a:t@{SHA256}", "t", SHA256, id="both"),
        pytest.param("[::1]:80/a:t", "[::1]:80/a:t", "t", None, id="ipv6"),
    ],
)
def test_reference(text: str, full: str, tag: str | None, digest: str | None) -> None:
    reference = Reference.parse(text)
    assert str(reference) == full
    assert reference.tag == tag
    assert reference.digest == (Digest.parse(digest) if digest else None)
    assert Reference.parse(full) == reference


@pytest.mark.parametrize(
    "text, reason",
    [
        pytest.param("", "empty", id="empty"),
        pytest.param(":tag", "empty", id="tag-alone"),
        pytest.param(f"@{SHA256}", "empty", id="digest-alone"),
        pytest.param("acme/", "empty", id="slash-at-the-end"),
        pytest.param("/acme", "empty", id="slash-at-the-start"),
        pytest.param("acme//web", "empty", id="two-slashes"),
        pytest.param("ghcr.io//web", "empty", id="slashes-after-the-registry"),
        pytest.param("ghcr.io/", "empty", id="registry-alone"),
        pytest.param("Web", '"Web" must be in lower case: "web"', id="upper-case"),
        pytest.param("acme/Web:1", '"Web" must be in lower case: "web"', id="upper-case-second"),
        pytest.param("h:1/Acme/web", '"Acme" must be in lower case: "acme"', id="upper-case-port"),
        pytest.param("a..b", '"a..b" is not a component', id="two-dots"),
        pytest.param("a_.b", '"a_.b" is not a component', id="two-separators"),
        pytest.param("a___b", '"a___b" is not a component', id="three-underscores"),
        pytest.param("-a/b", '"-a" is not a component', id="dash-first"),
        pytest.param("a/b-", '"b-" is not a component', id="dash-last"),
        pytest.param("a/b c", '"b c" is not a component', id="space"),
        pytest.param("a/b\n", "is not a component", id="newline"),
        pytest.param("a/bé", '"bé" is not a component', id="not-ascii"),
        pytest.param("a/b$c/d", '"b$c" is not a component', id="dollar"),
        pytest.param("[::1]", '":1]" is not a tag', id="ipv6-alone"),
        pytest.param("[fe80::1%eth0]/a", "is not a registry", id="ipv6-zone"),
        pytest.param("[::ffff:10.0.0.7]/a", "is not a registry", id="ipv4-in-ipv6"),
        pytest.param("::1:5000/a", '"::1:5000" is not a registry', id="ipv6-without-brackets"),
        pytest.param("-h.example/a", '"-h.example" is not a registry', id="registry-dash-first"),
        pytest.param("h_1.example/a", '"h_1.example" is not a registry', id="registry-underscore"),
        pytest.param("h:port/a", '"h:port" is not a registry', id="port-not-a-number"),
        pytest.param("h:/a", '"h:" is not a registry', id="port-empty"),
        pytest.param("https://h.example/a", 'leave out "https://"', id="scheme"),
        pytest.param("oci://h/a", 'leave out "oci://"', id="helm-scheme"),
        pytest.param(HEX, "are an ID", id="64-hex"),
        pytest.param(f"{HEX}:tag", "are an ID", id="64-hex-tag"),
        pytest.param("a/" + "b" * 244, "256 characters, at most 255", id="256-characters"),
        pytest.param("a:", '"" is not a tag', id="tag-empty"),
        pytest.param("a:.t", '".t" is not a tag', id="tag-dot-first"),
        pytest.param("a:t:u", '"t:u" is not a tag', id="tag-colon"),
        pytest.param("a:" + "t" * 129, "it has 129 characters", id="tag-long"),
        pytest.param("a:té", '"té" is not a tag', id="tag-not-ascii"),
        pytest.param("a@", '"" is not a digest', id="digest-empty"),
        pytest.param("a@sha256:e3", "64 lower-case hex digits", id="digest-short"),
        pytest.param(f"a@sha256:{HEX.upper()}", "lower-case", id="digest-upper-case"),
        pytest.param(f"a@md5:{HEX}", "one of sha256, sha512", id="digest-algorithm"),
        pytest.param(f"a@{SHA256}@{SHA256}", "hex digits", id="two-digests"),
    ],
)
def test_invalid_references(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Reference.parse(text)
    assert str(error.value).startswith(f'"{printable(text)}" is not a reference: ')
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "text, reason",
    [
        pytest.param("a:1", 'leave out the tag ":1"', id="tag"),
        pytest.param(f"a:1@{SHA256}", "leave out the digest", id="digest"),
        pytest.param("a/B", '"B" must be in lower case: "b"', id="upper-case"),
    ],
)
def test_invalid_repositories(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_repository(text)
    assert str(error.value).startswith(f'"{text}" is not a repository: ')
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "registry, path",
    [
        pytest.param("acme", "web", id="registry-would-be-a-path"),
        pytest.param("ghcr.io/acme", "web", id="registry-with-a-path"),
        pytest.param("ghcr.io", "a:1", id="path-with-a-tag"),
        pytest.param("ghcr.io", "", id="no-path"),
    ],
)
def test_a_repository_made_by_hand_is_checked_too(registry: str, path: str) -> None:
    with pytest.raises(InvalidInput, match="is not a repository"):
        Repository(registry, path)


def test_a_repository_made_by_hand_is_full() -> None:
    assert Repository("index.docker.io", "python") == parse_repository("python")
    assert str(Repository("docker.io", "python")) == "docker.io/library/python"


def test_a_reference_made_by_hand_is_checked_too() -> None:
    with pytest.raises(InvalidInput, match='"a b" is not a tag'):
        Reference(parse_repository("a"), "a b")


def test_repositories_are_ordered() -> None:
    names = ["ghcr.io/b/c", "docker.io/library/z", "ghcr.io/a"]
    assert [str(r) for r in sorted(map(parse_repository, names))] == sorted(names)


def test_with_tag() -> None:
    reference = Reference.parse(f"h:1/a:old@{SHA256}")
    assert str(reference.with_tag("new")) == f"h:1/a:new@{SHA256}"
    with pytest.raises(InvalidInput):
        reference.with_tag("")


def test_validate_tag_gives_the_tag() -> None:
    assert validate_tag("x" * 128) == "x" * 128


_COMPONENTS = st.from_regex(r"[a-z0-9]{1,8}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
_REGISTRIES = st.sampled_from(["ghcr.io", "localhost", "h:5000", "[::1]:80", "HOST", "docker.io"])
_REPOSITORIES = st.builds(Repository, _REGISTRIES, st.lists(_COMPONENTS, min_size=1, max_size=4).map("/".join))
_REFERENCES = st.builds(
    Reference,
    _REPOSITORIES,
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True),
    st.none() | st.binary().map(Digest.of),
)


@given(_REFERENCES)
def test_written_and_read_again(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@given(st.text() | st.text(alphabet="aA0._-:/@[]", max_size=20))
def test_any_text_is_a_full_reference_or_invalid_input(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidInput:
        return
    assert Reference.parse(str(reference)) == reference

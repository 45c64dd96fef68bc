"""Tables of valid and invalid addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.manifests.pants_url import PantsUrl, Part, text
from ocikit.spec.digest import Digest

DIGEST = Digest("sha256", "e3" * 32)


@pytest.mark.parametrize(
    "written, address, registry, part",
    [
        pytest.param("services/web:push", "services/web:push", None, Part.REFERENCE, id="plain"),
        pytest.param("services/web", "services/web", None, Part.REFERENCE, id="named-as-the-folder"),
        pytest.param(":push", ":push", None, Part.REFERENCE, id="same-folder"),
        pytest.param("//:push", "//:push", None, Part.REFERENCE, id="build-root"),
        pytest.param("//a:push", "//a:push", None, Part.REFERENCE, id="from-the-build-root"),
        pytest.param(":push@key=value,other=x", ":push@key=value,other=x", None, Part.REFERENCE, id="parametrized"),
        pytest.param("a:b#c@k=v", "a:b#c@k=v", None, Part.REFERENCE, id="generated"),
        pytest.param("a:b?registry=ghcr", "a:b", "ghcr", Part.REFERENCE, id="alias"),
        pytest.param("a:b?registry=[::1]:5000/x", "a:b", "[::1]:5000/x", Part.REFERENCE, id="registry-by-address"),
        pytest.param("a:b?part=digest", "a:b", None, Part.DIGEST, id="part"),
        pytest.param("a:b?part=name&registry=r", "a:b", "r", Part.NAME, id="both"),
        pytest.param("a@k=v?registry=r&part=tag", "a@k=v", "r", Part.TAG, id="parametrized-and-both"),
    ],
)
def test_an_address(written: str, address: str, registry: str | None, part: Part) -> None:
    assert PantsUrl.parse(f"pants://{written}") == PantsUrl(address, registry, part)


@pytest.mark.parametrize(
    "written, reason",
    [
        pytest.param("services/web:push", 'expected "pants://services/web:push"', id="no-scheme"),
        pytest.param("pants://", "it has no address", id="nothing"),
        pytest.param("pants://?part=name", "it has no address", id="query-alone"),
        pytest.param("pants://a:b c", "white space", id="space"),
        pytest.param("pants://a:b,pants://c:d", "several addresses", id="two"),
        pytest.param("pants:///a:b", 'one "/" too many', id="three-slashes"),
        pytest.param(f"pants://a:b@{DIGEST}", "leave out the digest", id="digest"),
        pytest.param("pants://a:b?", '"" after the "?" is unknown; valid keys: "registry", "part"', id="empty-query"),
        pytest.param("pants://a:b?tag=1", '"tag" after the "?" is unknown', id="unknown-key"),
        pytest.param("pants://a:b?part=tag&", '"" after the "?" is unknown', id="nothing-after-and"),
        pytest.param("pants://a:b?part=tag?registry=x", 'the part "tag?registry=x" is unknown', id="two-questions"),
        pytest.param("pants://a:b?part=tag&part=tag", '"part" is set twice', id="twice"),
        pytest.param("pants://a:b?registry", '"registry" has no value', id="no-value"),
        pytest.param("pants://a:b?registry=", '"registry=" has no value', id="empty-value"),
        pytest.param(
            "pants://a:b?part=host",
            'the part "host" is unknown; valid values: "reference", "name", "registry", "repository", "tag", "digest".',
            id="unknown-part",
        ),
        pytest.param("pants://a:b?part=Tag", 'the part "Tag" is unknown', id="upper-case"),
    ],
)
def test_invalid_addresses(written: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        PantsUrl.parse(written)
    assert str(error.value).startswith(f'"{written}" is not the address of an image: ')
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "part, repository, expected",
    [
        (Part.REFERENCE, "registry.example/shop/web", f"registry.example/shop/web@{DIGEST}"),
        (Part.NAME, "registry.example/shop/web", "registry.example/shop/web"),
        (Part.REGISTRY, "registry.example/shop/web", "registry.example"),
        (Part.REGISTRY, "127.0.0.1:5000/x", "127.0.0.1:5000"),
        (Part.REPOSITORY, "registry.example/shop/web", "shop/web"),
        (Part.REPOSITORY, "docker.io/library/web", "library/web"),
        (Part.TAG, "registry.example/shop/web", f"1.0@{DIGEST}"),
        (Part.DIGEST, "registry.example/shop/web", str(DIGEST)),
    ],
)
def test_the_text_that_replaces_an_address(part: Part, repository: str, expected: str) -> None:
    assert text(part, repository, "1.0", DIGEST) == expected


@given(st.text() | st.text(alphabet="a/:@?=&prtgs", max_size=20))
def test_any_text_is_an_address_or_invalid_input(written: str) -> None:
    try:
        parsed = PantsUrl.parse(f"pants://{written}")
    except InvalidInput:
        return
    assert written == parsed.address or written.startswith(f"{parsed.address}?")

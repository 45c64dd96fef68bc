from __future__ import annotations

from pathlib import Path

import pytest

from ocikit.errors import InvalidInput, NotFound
from ocikit.location import Location, open_store
from ocikit.registry.repository import RegistryRepository
from ocikit.spec.digest import Digest
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_layout
from ocikit.testing.memory_store import MemoryStore

DIGEST = Digest.of(b"x")


@pytest.mark.parametrize(
    "text, path, tag, digest",
    [
        pytest.param("oci:dist/web", "dist/web", None, None, id="path"),
        pytest.param("oci:/a b/web:1.0", "/a b/web", "1.0", None, id="tag"),
        pytest.param(f"oci:web@{DIGEST}", "web", None, DIGEST, id="digest"),
        pytest.param(f"oci:web:1@{DIGEST}", "web", "1", DIGEST, id="both"),
    ],
)
def test_a_layout(text: str, path: str, tag: str | None, digest: Digest | None) -> None:
    with open_store(text, {}) as location:
        assert isinstance(location.store, Layout)
        assert location.store.path == path
        assert (location.tag, location.digest) == (tag, digest)


def test_a_registry() -> None:
    with open_store(f"acme/web:1@{DIGEST}", {}) as location:
        assert isinstance(location.store, RegistryRepository)
        assert (location.tag, location.digest, location.name) == ("1", DIGEST, str(DIGEST))
    with open_store("acme/web", {}) as location:
        assert location.name == "latest"


@pytest.mark.parametrize("text", ["oci:", "oci::1", "oci:a:", "oci:a@", "oci:a:b/c", "a b", "A"])
def test_invalid_locations(text: str) -> None:
    with pytest.raises(InvalidInput), open_store(text, {}):
        pass


def test_a_layout_without_a_tag(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    text = f"oci:{path}"
    with open_store(text, {}) as location:
        with pytest.raises(NotFound, match="holds no image"):
            _ = location.name
        only = tiny_layout(path, {"a": b"1"}, "b")
        assert location.name == str(only)
        tiny_layout(path, {"a": b"2"}, "a")
        with pytest.raises(NotFound, match=r"does not select an image; available: a, b\."):
            _ = location.name
        tiny_layout(path, {"a": b"3"}, "latest")
        assert location.name == "latest"


@pytest.mark.parametrize(
    "tag, digest, written",
    [
        pytest.param("1", None, "1", id="tag"),
        pytest.param(None, None, "latest", id="neither"),
        pytest.param(None, DIGEST, None, id="digest"),
        pytest.param("1", DIGEST, "1", id="both"),
    ],
)
def test_the_tag_to_write(tag: str | None, digest: Digest | None, written: str | None) -> None:
    assert Location("it", MemoryStore(), tag, digest).tag_for(DIGEST) == written


def test_an_image_with_another_digest_is_refused() -> None:
    with pytest.raises(InvalidInput, match='"it" cannot be written: the image has the digest sha256:'):
        Location("it", MemoryStore(), "1", DIGEST).tag_for(Digest.of(b"y"))

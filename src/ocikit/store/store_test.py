from __future__ import annotations

from io import BytesIO

import pytest

from ocikit.errors import InvalidContent, NotFound
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.store import Store, copy
from ocikit.testing.memory_store import MemoryStore


def _blob(store: MemoryStore, data: bytes, kind: str = media_type.OCI_LAYER) -> Descriptor:
    blob = Descriptor(kind, Digest.of(data), len(data))
    store.push_blob(blob, lambda: BytesIO(data))
    return blob


def _manifest(store: MemoryStore, *layers: bytes, tag: str = "") -> Manifest:
    config = _blob(store, b"{}", media_type.OCI_CONFIG)
    manifest = Manifest.of(config, [_blob(store, layer) for layer in layers])
    store.push_manifest(manifest, tag or None)
    return manifest


@pytest.fixture
def stores() -> tuple[MemoryStore, MemoryStore]:
    return MemoryStore(), MemoryStore()


def test_a_memory_store_is_a_store() -> None:
    store: Store = MemoryStore()
    assert store.resolve("latest") is None


def test_copy_an_image(stores: tuple[MemoryStore, MemoryStore]) -> None:
    source, destination = stores
    manifest = _manifest(source, b"low", b"high", b"low", tag="1")
    digest = copy(source, destination, "1", "2")
    assert digest == manifest.descriptor.digest
    blobs = [str(Digest.of(data)) for data in (b"low", b"high", b"{}")]
    assert destination.writes == [*blobs, str(digest), "2"]
    assert destination.fetch_manifest("2") == manifest


def test_copy_again_sends_no_blob(stores: tuple[MemoryStore, MemoryStore]) -> None:
    source, destination = stores
    digest = copy(source, destination, str(_manifest(source, b"a").descriptor.digest))
    destination.writes.clear()
    assert copy(source, destination, str(digest), "t") == digest
    assert destination.writes == [str(digest), "t"]


def test_copy_sends_only_new_blobs(stores: tuple[MemoryStore, MemoryStore]) -> None:
    source, destination = stores
    _manifest(destination, b"old")
    destination.writes.clear()
    manifest = _manifest(source, b"old", b"new")
    digest = copy(source, destination, str(manifest.descriptor.digest))
    assert destination.writes == [str(Digest.of(b"new")), str(digest)]


def test_copy_an_index(stores: tuple[MemoryStore, MemoryStore]) -> None:
    source, destination = stores
    images = [_manifest(source, data).descriptor for data in (b"a", b"b")]
    inner = ImageIndex.of(images)
    source.push_manifest(inner)
    outer = ImageIndex.of([inner.descriptor, images[0]])
    source.push_manifest(outer, "all")
    digest = copy(source, destination, "all", "all")
    assert digest == outer.descriptor.digest
    assert destination.tags == {"all": digest}
    manifests = [w for w in destination.writes if w in map(str, destination.manifests)]
    assert manifests == [
        *(str(i.digest) for i in images),
        str(inner.descriptor.digest),
        str(digest),
    ]


def test_copy_a_missing_image(stores: tuple[MemoryStore, MemoryStore]) -> None:
    with pytest.raises(NotFound):
        copy(*stores, "latest")


def test_a_damaged_blob_is_not_copied(stores: tuple[MemoryStore, MemoryStore]) -> None:
    source, destination = stores
    _manifest(source, b"good", tag="t")
    source.blobs[Digest.of(b"good")] = b"evil"
    with pytest.raises(InvalidContent):
        copy(source, destination, "t", "t")
    assert destination.writes == []

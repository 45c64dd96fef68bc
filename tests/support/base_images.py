"""Base images, put directly into registries."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from ocikit.registry.client import RegistryClient
from ocikit.registry.repository import RegistryRepository
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform
from ocikit.spec.reference import parse_repository
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import LINUX

ARM = Platform("linux", "arm64")
CONFIG = {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "Entrypoint": ["/bin/base"], "Cmd": ["serve"], "User": "7:7"}


@dataclass(frozen=True)
class Blob:
    """Bytes with their descriptor."""

    descriptor: Descriptor
    data: bytes


def layer_of(content: bytes, kind: str = media_type.OCI_LAYER_GZIP) -> Blob:
    data = gzip.compress(content, mtime=0) if kind.endswith("gzip") else content
    return Blob(Descriptor(kind, Digest.of(data), len(data)), data)


def config_of(diff_ids: tuple[Digest, ...], platform: Platform = LINUX) -> Blob:
    data = ImageConfig.of(platform, CONFIG, diff_ids, ()).data
    return Blob(Descriptor(media_type.OCI_CONFIG, Digest.of(data), len(data)), data)


def add_image(
    registry: FakeRegistry,
    repository: str,
    content: bytes = b"base",
    tag: str | None = None,
    *,
    platform: Platform = LINUX,
    kind: str = media_type.OCI_LAYER_GZIP,
    diff_id: Digest | None = None,
) -> Manifest:
    """Add an image of one layer with `content`."""
    layer = layer_of(content, kind)
    config = config_of((diff_id or Digest.of(content),), platform)
    for blob in (layer, config):
        registry.put_blob(repository, blob.data)
    manifest = Manifest.of(config.descriptor, [layer.descriptor])
    registry.put_manifest(repository, manifest, tag)
    return manifest


def add_index(
    registry: FakeRegistry, repository: str, tag: str, contents: Mapping[Platform, bytes]
) -> tuple[ImageIndex, Mapping[Platform, Manifest]]:
    """Add an index with an image for each platform."""
    images = {
        platform: add_image(registry, repository, content, platform=platform) for platform, content in contents.items()
    }
    entries = [
        Descriptor(image.media_type, image.descriptor.digest, len(image.data), platform=platform)
        for platform, image in images.items()
    ]
    index = ImageIndex.of(entries)
    registry.put_manifest(repository, index, tag)
    return index, images


def push_large(reference: str, tag: str, size: int) -> Descriptor:
    """Push an image with an empty tar of this size as its layer to a real registry; return the layer."""
    hasher = hashlib.sha256()
    with Zeros(size) as stream:
        while block := stream.read(1 << 20):
            hasher.update(block)
    digest = Digest("sha256", hasher.hexdigest())
    layer = Descriptor(media_type.OCI_LAYER, digest, size)
    config = config_of((digest,))
    repository = parse_repository(reference)
    with RegistryClient(repository.registry) as client:
        store = RegistryRepository(client, repository, for_push=True)
        store.push_blob(layer, lambda: Zeros(size))
        store.push_blob(config.descriptor, lambda: BytesIO(config.data))
        store.push_manifest(Manifest.of(config.descriptor, [layer]), tag)
    return layer


class Zeros(io.RawIOBase, BinaryIO):
    """A file of zero bytes that takes no memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        self._left -= size
        return bytes(size)

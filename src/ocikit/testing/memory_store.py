"""A Store in memory, as strict as a registry."""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import BytesIO
from typing import BinaryIO

from ocikit.errors import InvalidContent, NotFound
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.store import Opener


class MemoryStore:
    """One repository. `writes` lists what was stored, in order: digests, and tags."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.manifests: dict[Digest, Manifest | ImageIndex] = {}
        self.tags: dict[str, Digest] = {}
        self.writes: list[str] = []

    def resolve(self, name: str) -> Descriptor | None:
        found = self._named(name)
        return found.descriptor if found else None

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        found = self._named(name)
        if found is None:
            raise NotFound(f'no manifest "{name}" in memory.')
        return found

    def has_blob(self, blob: Descriptor) -> bool:
        return len(self.blobs.get(blob.digest, b"")) == blob.size and blob.digest in self.blobs

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        if blob.digest not in self.blobs:
            raise NotFound(f"no blob {blob.digest} in memory.")
        return BytesIO(self.blobs[blob.digest])

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        with opener() as stream:
            data = b"".join(verified(stream, blob.digest, blob.size, f"blob {blob.digest}"))
        self.blobs[blob.digest] = data
        self.writes.append(str(blob.digest))

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """See Store. Raises InvalidContent if something that the manifest refers to is missing."""
        digest = manifest.descriptor.digest
        for missing in self._missing(manifest):
            raise InvalidContent(f"the manifest {digest} needs {missing.digest}: push it first.")
        self.manifests[digest] = manifest
        self.writes.append(str(digest))
        if tag:
            self.tags[tag] = digest
            self.writes.append(tag)

    def _named(self, name: str) -> Manifest | ImageIndex | None:
        digest = Digest.parse(name) if ":" in name else self.tags.get(name)
        return self.manifests.get(digest) if digest else None

    def _missing(self, manifest: Manifest | ImageIndex) -> list[Descriptor]:
        if isinstance(manifest, ImageIndex):
            return [child for child in manifest.manifests if child.digest not in self.manifests]
        return [blob for blob in manifest.blobs if not self.has_blob(blob)]

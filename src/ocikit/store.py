"""Stores: where images are kept, be it a registry's repository, a directory or memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO, Callable, Protocol

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.manifest import ImageIndex, Manifest

Opener = Callable[[], AbstractContextManager[BinaryIO]]


class Store(Protocol):
    """One repository: blobs and manifests by digest, manifests by tag.

    Where a registry is asked, every method may raise NetworkError, RegistryError, ProtocolViolation.
    A `name` is a tag or the text of a digest.
    """

    def resolve(self, name: str) -> Descriptor | None:
        """The manifest or index that `name` names, None where there is none. Costs one HEAD."""

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        """The same with its content, verified. Raises NotFound, InvalidContent."""

    def has_blob(self, blob: Descriptor) -> bool:
        """Whether the blob is there with this size. Costs one HEAD."""

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """The blob's bytes, not verified: read through `digest.verified`. Raises NotFound."""

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        """Store what `opener` gives, verified on the way; it may be opened more than once.

        Raises InvalidContent when the stream is not the blob; nothing is stored then.
        """

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """Store a manifest whose blobs are there, and let `tag` name it."""


def copy(source: Store, destination: Store, name: str, tag: str | None = None) -> Digest:
    """Copy what `name` names, with everything it needs, and let `tag` name it in `destination`.

    Content that is there already is not sent. An order that is safe to stop after any step: blobs,
    then manifests, then the tag. Returns the digest, which is the same on both sides.
    """
    manifest = source.fetch_manifest(name)
    if isinstance(manifest, ImageIndex):
        for child in manifest.manifests:
            if destination.resolve(str(child.digest)) is None:
                copy(source, destination, str(child.digest))
    else:
        sent: set[Digest] = set()
        for blob in manifest.blobs:
            if blob.digest not in sent and not destination.has_blob(blob):
                destination.push_blob(blob, partial(source.open_blob, blob))
            sent.add(blob.digest)
    destination.push_manifest(manifest, tag)
    return manifest.descriptor.digest

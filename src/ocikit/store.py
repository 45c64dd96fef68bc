"""Stores: where images are kept, be it a registry's repository, a directory or memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import BinaryIO, Callable, Protocol, runtime_checkable

from ocikit.canonical_json import MAX_SIZE
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest, verified
from ocikit.errors import InvalidContent
from ocikit.manifest import ImageIndex, Manifest, check_level
from ocikit.progress import Meter

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


@runtime_checkable
class BatchTagger(Protocol):
    """A Store that lets several tags name a manifest at once."""

    def push_with_tags(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> frozenset[str]:
        """Store a manifest and let `tags` name it; returns those that do. Others are left for `push_manifest`."""


def read_document(store: Store, described: Descriptor, what: str) -> bytes:
    """A small blob, a config for instance, verified. Raises InvalidContent where it is too large for one, too."""
    if described.size > MAX_SIZE:
        raise InvalidContent(f"{what} is not a document: it has {described.size} bytes, at most {MAX_SIZE} are read.")
    with store.open_blob(described) as stream:
        return b"".join(verified(stream, described.digest, described.size, what))


def counted(opener: Opener, meter: Meter, key: Hashable, size: int) -> Opener:
    """The same: what is read of it is counted as bytes of `key`, of which there are `size`."""

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with opener() as stream:
            yield meter.counted(stream, key, size)

    return opened


def copy(
    source: Store,
    destination: Store,
    name: str,
    tag: str | None = None,
    meter: Meter | None = None,
    on_withheld: Callable[[Descriptor], object] | None = None,
    *,
    level: int = 0,
) -> Digest:
    """Copy what `name` names, with everything it needs, and let `tag` name it in `destination`.

    Content that is there already is not sent; `meter` counts the blobs that are. An order that is safe to stop after
    any step: blobs, then manifests, then the tag. Returns the digest, which is the same on both sides. `level`: of how
    many indexes this is a part.

    A layer that may not be passed on is left out, and handed to `on_withheld`.
    """
    meter = meter or Meter()
    manifest = source.fetch_manifest(name)
    if isinstance(manifest, ImageIndex):
        check_level(level, manifest)
        for child in manifest.manifests:
            if destination.resolve(str(child.digest)) is None:
                copy(source, destination, str(child.digest), meter=meter, on_withheld=on_withheld, level=level + 1)
    else:
        if on_withheld:
            for layer in manifest.withheld:
                on_withheld(layer)
        blobs = {blob.digest: blob for blob in manifest.blobs}.values()
        missing = [blob for blob in blobs if not destination.has_blob(blob)]
        meter.expect(len(missing), [(blob.digest, blob.size) for blob in missing])
        for blob in missing:
            destination.push_blob(blob, counted(partial(source.open_blob, blob), meter, blob.digest, blob.size))
            meter.moved(blob.digest, blob.size)
            meter.did()
    destination.push_manifest(manifest, tag)
    return manifest.descriptor.digest

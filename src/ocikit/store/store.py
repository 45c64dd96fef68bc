"""Stores of images: a registry's repository, a directory or memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import BinaryIO, Callable, Protocol, runtime_checkable

from ocikit.errors import InvalidContent
from ocikit.progress import Meter
from ocikit.spec.canonical_json import MAX_SIZE
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest, check_level

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the bytes of a blob, from the first one, for a `with` statement. A retry calls it again."""


class Store(Protocol):
    """One repository: blobs and manifests by digest, manifests by tag.

    A `name` is a tag or the text of a digest. If the store is in a registry, every method may raise NetworkError,
    RegistryError and ProtocolViolation.
    """

    def resolve(self, name: str) -> Descriptor | None:
        """The descriptor of the manifest or index `name`, None if there is none. Costs one HEAD."""

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        """The manifest or index `name`, verified. Raises NotFound, InvalidContent."""

    def has_blob(self, blob: Descriptor) -> bool:
        """Whether the store has the blob with this size. Costs one HEAD."""

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """Open the blob's bytes, which are not verified: read them through `verified`. Raises NotFound."""

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        """Store the bytes that `opener` opens, and verify them on the way. A retry opens them again.

        Raises InvalidContent if they are not the blob; then nothing is stored.
        """

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """Store a manifest or index whose content is in the store, and let `tag` name it.

        Without `tag` only its digest names it.
        """


@runtime_checkable
class BatchTagger(Protocol):
    """A `Store` that can set several tags in one request."""

    def push_with_tags(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> frozenset[str]:
        """Store a manifest, let `tags` name it, and return the tags that were set.

        The caller sets the others with `push_manifest`.
        """


@runtime_checkable
class Mounter(Protocol):
    """A `Store` that can take a blob from another repository of its registry."""

    def mount_blob(self, blob: Descriptor, source: str, opener: Opener | None = None) -> bool:
        """Mount a blob from the repository `source` (its path).

        Returns False if it was not mounted; the blob was uploaded instead if `opener` is given.
        """


@runtime_checkable
class Lister(Protocol):
    """A `Store` that knows everything it holds."""

    def entries(self) -> tuple[Descriptor, ...]:
        """Each image and index, with its tag as an annotation."""

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""


@runtime_checkable
class Resumer(Protocol):
    """A `Store` whose uploads go on after a network error: the caller need not repeat them."""

    resumes_uploads: bool


def read_document(store: Store, described: Descriptor, what: str) -> bytes:
    """Read a small blob, such as a config, and verify it. Raises InvalidContent also if it is too large."""
    if described.size > MAX_SIZE:
        raise InvalidContent(f"{what} is not a document: expected at most {MAX_SIZE} bytes, got {described.size}.")
    with store.open_blob(described) as stream:
        return b"".join(verified(stream, described.digest, described.size, what))


def counted(opener: Opener, meter: Meter, key: Hashable, size: int) -> Opener:
    """Wrap `opener` so that the bytes read count for `key`, which has `size` bytes."""

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
    """Copy the image or index `name` with everything it needs, and let `tag` name it in `destination`.

    Returns the digest, which is the same in both stores. Blobs are copied first, then manifests, and the tag is set
    last, so a copy that is interrupted leaves no incomplete image. Content that `destination` has is not sent; `meter`
    counts the blobs and bytes that are. A layer that must not be distributed is left out and passed to `on_withheld`.
    `level` is the number of indexes around `name`: leave it at 0.

    Raises NotFound if `source` has no such image, InvalidContent if it is damaged, and what both stores raise.
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
            meter.transferred(blob.digest, blob.size)
            meter.completed()
    destination.push_manifest(manifest, tag)
    return manifest.descriptor.digest

"""Image layouts: directories of images, each of which is a `Store`.

Where the specification leaves a choice, this module decides:

* A tag is an entry of `index.json` with the annotation `org.opencontainers.image.ref.name`.
* If a tag moves, the manifest that it named stays as an entry without a tag, as in skopeo. So no garbage collection
  removes an image that a deployment names by digest.
* An entry without a tag exists only if nothing else leads to its manifest: no entry with a tag, and no listed index. So
  a layout with one image, or one index, has one entry, and can be read without a tag.
* Entries are sorted by tag, then by digest: the order of writers does not change the file.
* Content is found by its digest even if no entry leads to it.

Files appear whole or not at all. A writer of `index.json` locks the directory, so that concurrent writers lose no tag.
Content that exists is not written again.

Spec: image-spec v1.1.1, image-layout.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from ocikit import atomic_file
from ocikit.atomic_file import explained, without_waiting
from ocikit.errors import InvalidContent, NotFound
from ocikit.file_lock import lock
from ocikit.spec import canonical_json, media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.image_layout import (
    INDEX_FILE,
    LAYOUT_FILE,
    LAYOUT_MARKER,
    LAYOUT_VERSION,
    LAYOUT_VERSION_KEY,
    MAX_SIZE,
    LayoutIndex,
    blob_path,
    tag_of,
)
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.store.store import Opener
from ocikit.store.verify import problems

__all__ = ["Layout"]


class Layout:
    """A `Store` in the directory `path`. The first write creates the directory.

    Several processes may read and write it at the same time. Errors of the file system are OcikitError.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._memory = _memory_of(os.path.abspath(self.path))

    def __repr__(self) -> str:
        return f"Layout({self.path!r})"

    def entries(self) -> tuple[Descriptor, ...]:
        """The entries of `index.json`, in its order; none if there is no layout yet.

        Raises InvalidContent if `index.json` or `oci-layout` is damaged, or one of them is missing.
        """
        return self._read_index().index.entries

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted. Raises as `entries`."""
        return tuple(sorted({tag_of(entry) for entry in self.entries()} - {""}))

    def resolve(self, name: str) -> Descriptor | None:
        """See `Store`. None also if the manifest's blob is missing or damaged: push it again."""
        found = self._listed(name)
        if found:
            return found.plain() if self.has_blob(found) else None
        try:
            return self.fetch_manifest(name).descriptor
        except (NotFound, InvalidContent):
            return None

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        """See `Store`. Raises InvalidContent also if the tag `name` has several digests."""
        found = self._listed(name)
        if found:
            return parse_manifest(self._read(found), found.media_type, found.digest.algorithm)
        digest = _digest_of(name)
        if digest is None or not os.path.exists(self.blob_path(digest)):
            raise NotFound(f'no manifest "{name}" in the image layout "{self.path}".')
        size = os.path.getsize(self.blob_path(digest))
        described = Descriptor(media_type.OCI_MANIFEST, digest, size)
        return parse_manifest(self._read(described), algorithm=digest.algorithm)

    def has_blob(self, blob: Descriptor) -> bool:
        """See `Store`. Looks at the size only; `verify` reads the content."""
        try:
            return os.path.getsize(self.blob_path(blob.digest)) == blob.size
        except OSError:
            return False

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """See `Store`."""
        path = self.blob_path(blob.digest)
        with explained(f'read "{path}"'):
            try:
                return open(path, "rb", opener=without_waiting)
            except FileNotFoundError:
                raise NotFound(f'no blob {blob.digest} in the image layout "{self.path}".') from None

    def blob_path(self, digest: Digest) -> str:
        """The path of the blob's file, whether the file exists or not."""
        return os.path.join(self.path, blob_path(digest))

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        """See `Store`. A blob that the layout has is not read again."""
        if self.has_blob(blob):
            return
        self._create()
        path = self.blob_path(blob.digest)
        with opener() as stream, atomic_file.new_file(os.path.dirname(path)) as file:
            for chunk in verified(stream, blob.digest, blob.size, f"blob {blob.digest}"):
                file.write(chunk)
            file.commit(path)

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """See `Store`. Raises InvalidContent with the digests of the content that is missing."""
        self._push(manifest, (tag,) if tag else ())

    def push_with_tags(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> frozenset[str]:
        """See `BatchTagger`. Sets all `tags`, with one write of `index.json`."""
        self._push(manifest, tags)
        return frozenset(tags)

    def _push(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> None:
        needed = manifest.manifests if isinstance(manifest, ImageIndex) else manifest.blobs
        missing = [str(blob.digest) for blob in needed if not self.has_blob(blob)]
        if missing:
            raise InvalidContent(
                f"the manifest {manifest.descriptor.digest} needs content that is not in "
                f'"{self.path}"; push it first: {", ".join(missing)}.'
            )
        self._create()
        if not self.has_blob(manifest.descriptor):
            atomic_file.write(self.blob_path(manifest.descriptor.digest), manifest.data)
        with self._locked():
            known = self._read_index()
            children = self._led_to(known.index) if known.children is None else known.children
            if isinstance(manifest, ImageIndex):
                children |= {str(child.digest) for child in manifest.manifests}
            index = known.index.after_push(manifest.descriptor, tags, children)
            if index != known.index:
                atomic_file.write(os.path.join(self.path, INDEX_FILE), index.data)
                self._memory.known = _Known(self._state(), index, children)

    def problems(self) -> tuple[str, ...]:
        """Read everything that the layout lists, and return a line for each problem. See `ocikit.store.verify`."""
        return problems(self, self.entries())

    def verify(self) -> None:
        """Read everything that the layout lists; raises InvalidContent with a line for each problem."""
        found = self.problems()
        if found:
            raise InvalidContent(f'the image layout "{self.path}" is damaged:', *found)

    def _listed(self, name: str) -> Descriptor | None:
        matching = self._read_index().index.named(str(_digest_of(name) or name))
        if len({entry.digest for entry in matching}) > 1:
            found = ", ".join(str(entry.digest) for entry in matching)
            raise InvalidContent(f'the tag "{name}" in "{self.path}" is ambiguous: {found}.')
        return matching[0] if matching else None

    def _read(self, manifest: Descriptor) -> bytes:
        path = f'"{self.blob_path(manifest.digest)}"'
        if manifest.size > canonical_json.MAX_SIZE:
            raise InvalidContent(
                f"{path} is not a manifest: expected at most {canonical_json.MAX_SIZE} bytes, got {manifest.size}."
            )
        try:
            with self.open_blob(manifest) as stream:
                return b"".join(verified(stream, manifest.digest, manifest.size, path))
        except NotFound:
            raise InvalidContent(f"{path} is listed in index.json, but missing.") from None

    def _read_index(self) -> _Known:
        """The checked `index.json`, empty if the layout does not exist yet; read again only if it has changed."""
        state, known = self._state(), self._memory.known
        if known is None or known.state != state:
            known = self._memory.known = _Known(state, self._index())
        return known

    def _state(self) -> tuple[object, ...]:
        """The identities of the files. Writers replace files, so a changed file has another identity."""
        return tuple(_identity(os.path.join(self.path, name)) for name in (INDEX_FILE, LAYOUT_FILE))

    def _index(self) -> LayoutIndex:
        index, marker = self._document(INDEX_FILE), self._document(LAYOUT_FILE)
        if index is None and marker is not None:
            # Either the layout was created between the two reads, or the file is missing.
            index = self._document(INDEX_FILE)
        name = f'"{os.path.join(self.path, INDEX_FILE)}"'
        found = None if index is None else LayoutIndex.parse(index, name)
        if marker is None and not (found and found.rows):
            return LayoutIndex.empty()
        if found is None or marker is None:
            missing = INDEX_FILE if found is None else LAYOUT_FILE
            raise InvalidContent(f'"{self.path}" is not an OCI image layout: it has no "{missing}".')
        version = canonical_json.loads_object(marker, f'"{os.path.join(self.path, LAYOUT_FILE)}"').get(
            LAYOUT_VERSION_KEY
        )
        if version != LAYOUT_VERSION:
            raise InvalidContent(
                f'"{self.path}": expected the image layout version "{LAYOUT_VERSION}", got "{version!s:.40}".'
            )
        return found

    def _document(self, name: str) -> bytes | None:
        path = os.path.join(self.path, name)
        with explained(f'read "{path}"'):
            try:
                with open(path, "rb", opener=without_waiting) as stream:
                    # One byte over the limit, so that the reader can report a file that is too large.
                    return stream.read(MAX_SIZE + 1)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _create(self) -> None:
        """Create the layout. `oci-layout` is written last: it marks the layout as complete."""
        if os.path.exists(os.path.join(self.path, LAYOUT_FILE)):
            return
        with self._locked():
            if self._document(INDEX_FILE) is None:
                atomic_file.write(os.path.join(self.path, INDEX_FILE), LayoutIndex.empty().data)
            if self._document(LAYOUT_FILE) is None:
                atomic_file.write(os.path.join(self.path, LAYOUT_FILE), LAYOUT_MARKER)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep out all other writers of this directory on this machine."""
        with explained(f'lock "{self.path}"'):
            os.makedirs(self.path, exist_ok=True)
            number = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with explained(f'lock "{self.path}"'):
                lock(number)
            yield
        finally:
            os.close(number)

    def _led_to(self, index: LayoutIndex) -> frozenset[str]:
        """The digests of the manifests in listed indexes."""
        return frozenset().union(
            *(self._children_of(entry) for entry in index.entries if entry.media_type in media_type.INDEXES)
        )

    def _children_of(self, entry: Descriptor) -> frozenset[str]:
        if not self.has_blob(entry):
            return frozenset()
        index = parse_manifest(self._read(entry), entry.media_type, entry.digest.algorithm)
        return frozenset(str(child.digest) for child in getattr(index, "manifests", ()))


@dataclass(frozen=True)
class _Known:
    """An index that was read when its files were in this `state`.

    `children`: the digests of the manifests in its indexes, None until they are needed.
    """

    state: tuple[object, ...]
    index: LayoutIndex
    children: frozenset[str] | None = None


class _Memory:
    """The index of one layout as last read, shared by all `Layout` objects of this process."""

    known: _Known | None = None


@lru_cache(maxsize=16)
def _memory_of(path: str) -> _Memory:
    return _Memory()


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _digest_of(name: str) -> Digest | None:
    """Parse `name` if it is a digest; a tag has no colon."""
    return Digest.parse(name) if ":" in name else None

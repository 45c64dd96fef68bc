"""An OCI image layout: a directory that is a repository.

What is in the directory, and what this module makes of it where the specification is silent:

* A tag is an entry of `index.json` with the annotation `org.opencontainers.image.ref.name`.
* A tag that moves leaves the manifest it named behind as an entry without a tag, as skopeo does, so
  that no garbage collection takes an image that a deployment names by digest.
* An entry without a tag is there only where nothing else leads to its manifest: no entry with a
  tag, no listed index. So a layout with one image, or one index, has one entry, and can be read
  without naming a tag.
* Entries are sorted by tag, then digest: writers in any order make the same file.
* Content is found by its digest though no entry leads to it.

Files appear whole or not at all. Whoever changes `index.json` holds a lock on the directory, so
that writers side by side lose no tag. Nothing is written that is there already.

Spec: image-spec v1.1.1, image-layout.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

from ocikit import atomic_file, canonical_json, media_type
from ocikit.atomic_file import explained
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest, verified
from ocikit.errors import InvalidContent, NotFound
from ocikit.file_lock import lock
from ocikit.layout_index import listed, tag_of
from ocikit.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.store import Opener
from ocikit.verify import problems

LAYOUT_VERSION = "1.0.0"
# distribution-spec v1.1.1, "Pushing Manifests": registries should take manifests of 4 MiB.
_MAX_MANIFEST_SIZE = 4 * 1024 * 1024


class Layout:
    """A Store in the directory `path`, made by the first write. Raises OcikitError only."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def __repr__(self) -> str:
        return f"Layout({self.path!r})"

    def entries(self) -> tuple[Descriptor, ...]:
        """What `index.json` lists, in its order; nothing where no layout is yet."""
        return tuple(Descriptor.from_json(entry) for entry in self._index().get("manifests", ()))

    def tags(self) -> tuple[str, ...]:
        return tuple(sorted({tag_of(entry) for entry in self.entries()} - {""}))

    def resolve(self, name: str) -> Descriptor | None:
        """See Store. A manifest whose blob is missing or damaged is not there: push it again."""
        found = self._listed(name)
        if found:
            return found.plain() if self.has_blob(found) else None
        try:
            return self.fetch_manifest(name).descriptor
        except (NotFound, InvalidContent):
            return None

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        found = self._listed(name)
        if found:
            return parse_manifest(self._read(found), found.media_type)
        digest = _digest_of(name)
        if digest is None or not os.path.exists(self.blob_path(digest)):
            raise NotFound(f'no manifest "{name}" in the image layout "{self.path}".')
        size = os.path.getsize(self.blob_path(digest))
        return parse_manifest(self._read(Descriptor(media_type.OCI_MANIFEST, digest, size)))

    def has_blob(self, blob: Descriptor) -> bool:
        try:
            return os.path.getsize(self.blob_path(blob.digest)) == blob.size
        except OSError:
            return False

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        path = self.blob_path(blob.digest)
        with explained(f'read "{path}"'):
            try:
                return open(path, "rb", opener=_without_waiting)
            except FileNotFoundError:
                raise NotFound(f'no blob {blob.digest} in the image layout "{self.path}".') from None

    def blob_path(self, digest: Digest) -> str:
        """Where the blob is, or would be."""
        return os.path.join(self.path, "blobs", digest.algorithm, digest.hex)

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        if self.has_blob(blob):
            return
        self._create()
        path = self.blob_path(blob.digest)
        with opener() as stream, atomic_file.new_file(os.path.dirname(path)) as file:
            for chunk in verified(stream, blob.digest, blob.size, f"blob {blob.digest}"):
                file.write(chunk)
            file.commit(path)

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """See Store. Raises InvalidContent, naming them, when things it needs are missing."""
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
            document = self._index()
            children = self._children()
            if isinstance(manifest, ImageIndex):
                children.update(child.digest for child in manifest.manifests)
            document["manifests"] = listed(document["manifests"], manifest.descriptor.to_json(), tag or "", children)
            self._write("index.json", document)

    def problems(self) -> tuple[str, ...]:
        """Everything wrong with what the layout lists, a line each: what, wanted, found."""
        return problems(self, self.entries())

    def verify(self) -> None:
        """Check everything that the layout lists; raises InvalidContent with all problems."""
        found = self.problems()
        if found:
            raise InvalidContent("\n".join((f'the image layout "{self.path}" is damaged:', *found)))

    def _listed(self, name: str) -> Descriptor | None:
        digest = _digest_of(name)
        matching = [e for e in self.entries() if (e.digest == digest if digest else tag_of(e) == name)]
        if len({entry.digest for entry in matching}) > 1:
            found = ", ".join(str(entry.digest) for entry in matching)
            raise InvalidContent(f'the tag "{name}" in "{self.path}" is ambiguous: {found}.')
        return matching[0] if matching else None

    def _read(self, manifest: Descriptor) -> bytes:
        path = f'"{self.blob_path(manifest.digest)}"'
        if manifest.size > _MAX_MANIFEST_SIZE:
            raise InvalidContent(f"{path} is no manifest: it has {manifest.size} bytes.")
        try:
            with self.open_blob(manifest) as stream:
                return b"".join(verified(stream, manifest.digest, manifest.size, path))
        except NotFound:
            raise InvalidContent(f"{path} is listed in index.json and missing.") from None

    def _index(self) -> dict[str, Any]:
        """The checked document of `index.json`, an empty one where no layout is yet."""
        index, marker = self._document("index.json"), self._document("oci-layout")
        if index is None and marker is not None:
            # Either the layout was made between the two looks, or the file is missing.
            index = self._document("index.json")
        if marker is None and not (index and index.get("manifests")):
            return _empty_index()
        if index is None or marker is None:
            missing = "index.json" if index is None else "oci-layout"
            raise InvalidContent(f'"{self.path}" is no OCI image layout: it has no "{missing}".')
        version = marker.get("imageLayoutVersion")
        if version != LAYOUT_VERSION:
            raise InvalidContent(f'"{self.path}" is an image layout of version "{version}": wanted {LAYOUT_VERSION}.')
        if not isinstance(index.get("manifests"), list):
            raise InvalidContent(f'"{self.path}/index.json" has no list of "manifests".')
        return index

    def _document(self, name: str) -> dict[str, Any] | None:
        path = os.path.join(self.path, name)
        with explained(f'read "{path}"'):
            try:
                with open(path, "rb", opener=_without_waiting) as stream:
                    return canonical_json.loads_object(stream.read(), f'"{path}"')
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _write(self, name: str, document: dict[str, Any]) -> None:
        if document != self._document(name):
            atomic_file.write(os.path.join(self.path, name), canonical_json.dumps(document))

    def _create(self) -> None:
        """Make the layout. `oci-layout` comes last: with it, the layout is complete."""
        if os.path.exists(os.path.join(self.path, "oci-layout")):
            return
        with self._locked():
            if self._document("index.json") is None:
                self._write("index.json", _empty_index())
            self._write("oci-layout", {"imageLayoutVersion": LAYOUT_VERSION})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the writers of this directory, on this machine."""
        with explained(f'lock "{self.path}"'):
            os.makedirs(self.path, exist_ok=True)
            number = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with explained(f'lock "{self.path}"'):
                lock(number)
            yield
        finally:
            os.close(number)

    def _children(self) -> set[Digest]:
        """The manifests that listed indexes lead to."""
        children: set[Digest] = set()
        for entry in self.entries():
            if entry.media_type in media_type.INDEXES and self.has_blob(entry):
                index = self.fetch_manifest(str(entry.digest))
                children.update(child.digest for child in getattr(index, "manifests", ()))
        return children


def _empty_index() -> dict[str, Any]:
    return canonical_json.loads_object(ImageIndex.of(()).data, "an empty index")


def _without_waiting(path: str, flags: int) -> int:
    """A pipe in the place of a file is empty, where `open` would wait for whoever writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _digest_of(name: str) -> Digest | None:
    """The digest that `name` is the text of; a tag has no colon."""
    return Digest.parse(name) if ":" in name else None

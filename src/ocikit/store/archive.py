"""An image as one tar, which Docker, Podman and skopeo load.

The tar is an OCI image layout (image-spec v1.1.1, image-layout.md) that also has Docker's `manifest.json`, whose paths
lead into `blobs/`. `docker load` without the containerd store reads only that file; other tools read the layout. Each
blob is in the tar once. Equal images and names give equal archives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from ocikit.atomic_file import new_file
from ocikit.errors import InvalidInput
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.tar import write_tar
from ocikit.spec import canonical_json, media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import (
    CONTAINERD_NAME,
    INDEX_FILE,
    LAYOUT_FILE,
    LAYOUT_MARKER,
    REF_NAME,
    blob_path,
)
from ocikit.spec.manifest import ImageIndex, Manifest, check_level
from ocikit.spec.reference import Reference
from ocikit.store.layout import Layout

__all__ = ["archive_chunks", "write_archive"]


def write_archive(layout_directory: str, image: Digest, repo_tag: str | None, output: str) -> None:
    """Write an image of a layout, or all images of an index, to the tar `output`.

    The arguments are those of `archive_chunks`. Raises what it raises, and OcikitError if writing fails; then no file
    is left behind.
    """
    chunks = archive_chunks(layout_directory, image, repo_tag)
    with new_file(os.path.dirname(os.path.abspath(output))) as file:
        for chunk in chunks:
            file.write(chunk)
        file.commit(output)


def archive_chunks(
    layout_directory: str, image: Digest, repo_tag: str | None, without: frozenset[Digest] = frozenset()
) -> Iterator[bytes]:
    """The bytes of the tar of an image of a layout, or of all images of an index.

    `image` is the digest of the manifest or index. `repo_tag` is the name after loading: "shop/web:1.4"; without a tag
    it gets "latest"; None gives no name. `without`: blobs to leave out, because the reader has them. Docker's store
    without containerd loads only the first image of an index.

    Memory is bounded. Sizes are checked and digests are not: see `Layout.verify`. Raises NotFound and InvalidContent
    for incomplete layouts, InvalidInput for a `repo_tag` with a digest, for an index without images, and for an image
    with a layer that must not be distributed.
    """
    layout = Layout(layout_directory)
    root = layout.fetch_manifest(str(image))
    blobs = {blob_path(blob.digest): blob for blob in _reachable(layout, root) if blob.digest not in without}
    documents = _documents(root, _first(layout, root), repo_tag)
    entries = arrange(Entry(path, "file", 0o644, 0, 0, source=path) for path in (*blobs, *documents))

    @contextmanager
    def open_file(entry: Entry) -> Iterator[tuple[int, BinaryIO]]:
        if entry.path in documents:
            yield len(documents[entry.path]), BytesIO(documents[entry.path])
            return
        blob = blobs[entry.path]
        with layout.open_blob(blob) as stream:
            yield blob.size, stream

    return write_tar(entries, open_file)


def _documents(root: Manifest | ImageIndex, first: Manifest, repo_tag: str | None) -> dict[str, bytes]:
    described, names = root.descriptor.to_json(), []
    if repo_tag is not None:
        reference = Reference.parse(repo_tag)
        if reference.digest:
            raise InvalidInput(f'"{repo_tag}" cannot name an archive: expected a tag, got a digest.')
        reference = reference if reference.tag else reference.with_tag("latest")
        names = [str(reference)]
        described["annotations"] = {REF_NAME: str(reference.tag), CONTAINERD_NAME: names[0]}
    docker = {
        "Config": blob_path(first.config.digest),
        "Layers": [blob_path(layer.digest) for layer in first.layers],
        "RepoTags": names,
    }
    index = {
        "schemaVersion": 2,
        "mediaType": media_type.OCI_INDEX,
        "manifests": [described],
    }
    return {
        INDEX_FILE: canonical_json.dumps(index),
        "manifest.json": canonical_json.dumps([docker]),
        LAYOUT_FILE: LAYOUT_MARKER,
    }


def _reachable(layout: Layout, root: Manifest | ImageIndex) -> Iterator[Descriptor]:
    """Yield everything that an image or an index needs; each index is read once."""
    seen: set[Digest] = set()
    waiting = [(0, root)]
    while waiting:
        level, found = waiting.pop()
        if found.descriptor.digest in seen:
            continue
        seen.add(found.descriptor.digest)
        yield found.descriptor
        if isinstance(found, Manifest):
            _check_complete(found)
            yield from found.blobs
        else:
            check_level(level, found)
            waiting += ((level + 1, layout.fetch_manifest(str(child.digest))) for child in found.manifests)


def _check_complete(image: Manifest) -> None:
    for layer in image.withheld:
        raise InvalidInput(
            f"the image {image.descriptor.digest} cannot be put in an archive: its layer {layer.digest} is not "
            f'distributable ("{layer.media_type}").'
        )


def _first(layout: Layout, root: Manifest | ImageIndex) -> Manifest:
    while isinstance(root, ImageIndex):
        if not root.manifests:
            raise InvalidInput(f"the index {root.descriptor.digest} has no image to put in an archive.")
        root = layout.fetch_manifest(str(root.manifests[0].digest))
    return root

"""The paths of blobs, the other files of an image layout, and the local name of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, FileContent, FileDigest, FileEntry

import ocikit
from ocikit.spec.image_layout import INDEX_FILE, LAYOUT_FILE, LAYOUT_MARKER, blob_path

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def blobs_of(layers: Iterable[ocikit.Descriptor]) -> CreateDigest:
    """The layers that a process wrote, at their paths in a layout. Pants finds them by digest and reads none."""
    return CreateDigest(
        FileEntry(blob_path(layer.digest), FileDigest(layer.digest.hex, layer.size))
        for layer in dict.fromkeys(layer.plain() for layer in layers)
    )


def layout_documents(described: ocikit.Descriptor) -> tuple[FileContent, ...]:
    """The two files next to the blobs of an image or index. Spec: image-spec v1.1.1, image-layout.md."""
    index = ocikit.ImageIndex.of([described])
    return (
        FileContent(INDEX_FILE, index.data),
        FileContent(LAYOUT_FILE, LAYOUT_MARKER),
    )


def local_name(address: Address) -> str:
    """The name of a target's image in container engines. References have no upper case and few special characters."""
    name = "-".join((address.target_name, *address.parameters.values()))
    parts = (_NOT_IN_NAMES.sub("-", part.lower()).strip("-") for part in (*address.spec_path.split("/"), name))
    return "/".join(filter(None, parts)) or "image"

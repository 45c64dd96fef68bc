"""Where blobs lie, what makes an image layout of their directory, and what an image is called outside of registries."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, FileContent, FileDigest, FileEntry

import ocikit

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def blobs_of(layers: Iterable[ocikit.Descriptor]) -> CreateDigest:
    """Layers that a process wrote, where a layout has them. What they are named tells Pants which: none is read."""
    return CreateDigest(
        FileEntry(f"blobs/sha256/{layer.digest.hex}", FileDigest(layer.digest.hex, layer.size))
        for layer in dict.fromkeys(layer.plain() for layer in layers)
    )


def layout_documents(described: ocikit.Descriptor) -> tuple[FileContent, ...]:
    """The two files beside the blobs of an image or index. Spec: image-spec v1.1.1, image-layout.md."""
    index = ocikit.ImageIndex.of([described])
    return (
        FileContent("index.json", index.data),
        FileContent("oci-layout", ocikit.canonical_json.dumps({"imageLayoutVersion": "1.0.0"})),
    )


def local_name(address: Address) -> str:
    """What engines call the image of a target: the grammar of references has no upper case and few signs."""
    name = "-".join((address.target_name, *address.parameters.values()))
    parts = (_NOT_IN_NAMES.sub("-", part.lower()).strip("-") for part in (*address.spec_path.split("/"), name))
    return "/".join(filter(None, parts)) or "image"

"""Images and indexes, their blobs and files."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.images import blobs, files, image, image_layers, index, load, remote


def rules() -> Iterable[object]:
    return (
        *blobs.rules(),
        *files.rules(),
        *image.rules(),
        *image_layers.rules(),
        *index.rules(),
        *load.rules(),
        *remote.rules(),
    )

"""Commands that Pants runs on files. The input is a JSON file, the output is files.

Paths are relative to the working directory; the files that a command reads are below `input/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocikit.bases.archive_file import open_archive
from ocikit.bases.archived_image import ArchivedBase
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry
from ocikit.layer.limits import Limits
from ocikit.layer.write import build_layer
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import blob_path
from ocikit.spec.platform import Platform
from ocikit.store.archive import write_archive


def run_layer(request: Mapping[str, Any]) -> int:
    """Write a layer to `layer.blob` and its description to `layer.json`."""
    entries = tuple(Entry.from_json(entry) for entry in request["entries"])
    compression = Compression.parse(request["compression"])
    layer = build_layer(entries, protocol.INPUT, ".", compression, created_by="")
    # Pants has to know the names of files in advance.
    os.rename(blob_path(layer.descriptor.digest), protocol.LAYER_BLOB)
    Path(protocol.LAYER_DESCRIPTION).write_bytes(canonical_json.dumps(layer.to_json()))
    return 0


def run_archive(request: Mapping[str, Any]) -> int:
    """Write the image in `input/` as one tar that engines can load."""
    output = Path(request["output"])
    output.parent.mkdir(parents=True, exist_ok=True)
    write_archive(protocol.INPUT, Digest.parse(request["digest"]), request["name"], str(output))
    return 0


def run_archived_base(request: Mapping[str, Any]) -> int:
    """Unpack an image of `input/archive` to `manifest.json`, `config.json` and `layers/0`, `layers/1`, …"""
    base = ArchivedBase(
        Platform.parse(request["platform"]),
        Digest.parse(request["digest"]) if request["digest"] else None,
        Compression.parse(request["compression"]),
    )
    with open_archive(protocol.ARCHIVE_FILE, Limits.from_json(request.get("limits", {}))) as archive:
        image = base.unpack(archive, ".")
    # Pants creates the folders of output files; other callers do not.
    os.makedirs("layers", exist_ok=True)
    for number, digest in enumerate(dict.fromkeys(layer.digest for layer in image.manifest.layers)):
        os.rename(blob_path(digest), protocol.layer_file(number))
    Path(protocol.MANIFEST_FILE).write_bytes(image.manifest.data)
    Path(protocol.CONFIG_FILE).write_bytes(image.config.data)
    return 0


COMMANDS = {protocol.LAYER: run_layer, protocol.ARCHIVE: run_archive, protocol.ARCHIVED_BASE: run_archived_base}

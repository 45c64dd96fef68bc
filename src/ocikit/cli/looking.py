"""The commands that Pants runs to look at images: a JSON file in, answers out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocikit import canonical_json
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import InvalidInput, OcikitError
from ocikit.image import shared_layers
from ocikit.layer.files import File
from ocikit.layout import Layout
from ocikit.looking.reading import layer_files, read_image
from ocikit.manifest import ImageIndex
from ocikit.media_type import INDEXES
from ocikit.platform import Platform
from ocikit.push.stores import Stores
from ocikit.push.wanted import Destination
from ocikit.registry.options import RegistryOptions
from ocikit.store import Store

_INPUT = "input"


def run_layer_files(request: Mapping[str, Any]) -> int:
    """List the files of a layer whose blob is in `input/blobs`; they go to `files.json`."""
    files = layer_files(Layout(_INPUT), Descriptor.from_json(request["layer"]))
    Path("files.json").write_bytes(canonical_json.dumps({"files": _rows(files)}))
    return 0


def run_remote_images(request: Mapping[str, Any]) -> int:
    """What tags name now, and the files of those layers that an image of ours has not; they go to `images.json`.

    Of an index it is the image for the reference's platform. An answer for each reference: {} for what is not there;
    `error`; the digest alone where it is ours; else documents, and `files` by the digest of the layer.
    """
    options = {name: RegistryOptions.from_json(item) for name, item in request["registries"].items()}
    stores = Stores(request["root"], os.environ, options)
    read: dict[str, list[list[Any]]] = {}
    answers = []
    for reference in request["references"]:
        try:
            answers.append(_remote_image(reference, stores, read))
        except OcikitError as error:
            answers.append({"error": str(error)})
    Path("images.json").write_bytes(canonical_json.dumps({"answers": answers, "warnings": list(stores.warnings())}))
    return 0


def _remote_image(reference: Mapping[str, Any], stores: Stores, read: dict[str, list[list[Any]]]) -> dict[str, Any]:
    store = stores(Destination(reference["destination"]))
    platform = Platform.parse(reference["platform"])
    found = store.resolve(reference["tag"])
    if found and found.media_type in INDEXES:
        found = _image_of_index(store, found, platform)
    if found is None:
        return {}
    if found.digest == Digest.parse(reference["digest"]):
        return {"digest": str(found.digest)}
    image = read_image(store, str(found.digest), platform)
    known = shared_layers([str(diff_id) for diff_id in image.config.diff_ids], reference["diff_ids"])
    layers = [layer for layer in image.manifest.layers[known:] if str(layer.digest) not in reference["layers"]]
    for layer in layers:
        if str(layer.digest) not in read:
            read[str(layer.digest)] = _rows(layer_files(store, layer))
    return {
        "digest": str(found.digest),
        "media_type": image.manifest.media_type,
        "manifest": image.manifest.data.decode("utf-8"),
        "config": image.config.data.decode("utf-8"),
        "files": {str(layer.digest): read[str(layer.digest)] for layer in layers},
    }


def _image_of_index(store: Store, index: Descriptor, platform: Platform) -> Descriptor | None:
    document = store.fetch_manifest(str(index.digest))
    assert isinstance(document, ImageIndex)
    with suppress(InvalidInput):
        return document.select(platform)
    return None


def _rows(files: tuple[File, ...]) -> list[list[Any]]:
    return [file.to_row() for file in files]

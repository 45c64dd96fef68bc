"""The commands that Pants runs to look at images: a JSON file in, answers out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocikit import canonical_json
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import OcikitError
from ocikit.image import shared_layers
from ocikit.layer.files import File
from ocikit.layout import Layout
from ocikit.looking.reading import layer_files, read_image
from ocikit.platform import Platform
from ocikit.push.stores import Stores
from ocikit.push.wanted import Destination
from ocikit.registry.options import RegistryOptions

_INPUT = "input"


def run_layer_files(request: Mapping[str, Any]) -> int:
    """List the files of a layer whose blob is in `input/blobs`; they go to `files.json`."""
    files = layer_files(Layout(_INPUT), Descriptor.from_json(request["layer"]))
    Path("files.json").write_bytes(canonical_json.dumps({"files": _rows(files)}))
    return 0


def run_remote_images(request: Mapping[str, Any]) -> int:
    """What tags name now, and the files of those layers that an image of ours has not; they go to `images.json`.

    An answer for each reference: {} for a tag that is not there; `error`; the digest alone where it is ours; else
    documents, and `files` by the digest of the layer.
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
    found = store.resolve(reference["tag"])
    if found is None:
        return {}
    if found.digest == Digest.parse(reference["digest"]):
        return {"digest": str(found.digest)}
    image = read_image(store, str(found.digest), Platform.parse(reference["platform"]))
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


def _rows(files: tuple[File, ...]) -> list[list[Any]]:
    return [file.to_row() for file in files]

"""Commands that Pants runs to inspect images. The input is a JSON file, the output is JSON files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ocikit.errors import InvalidInput, OcikitError
from ocikit.image.build import shared_layers
from ocikit.inspect.read import image_layers, layer_files, read_image
from ocikit.layer.contents import File
from ocikit.layer.limits import FileCount, Limits
from ocikit.publish.request import Destination
from ocikit.publish.stores import Stores
from ocikit.registry.options import RegistryOptions
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex
from ocikit.spec.media_type import INDEXES
from ocikit.spec.platform import Platform
from ocikit.store.layout import Layout
from ocikit.store.store import Store


def run_layer_files(request: Mapping[str, Any]) -> int:
    """Write the files of a layer to `files.json` and their number to `count.json`. The blob is in `input/blobs`."""
    limits = Limits.from_json(request.get("limits", {}))
    count = FileCount(limits)
    with open(protocol.FILES, "wb") as output:
        output.write(b'{"files":')
        _write_rows(output, layer_files(Layout(protocol.INPUT), Descriptor.from_json(request["layer"]), limits, count))
        output.write(b"}")
    Path(protocol.COUNT).write_bytes(canonical_json.dumps({"files": count.files, "name_bytes": count.name_bytes}))
    return 0


def run_remote_images(request: Mapping[str, Any]) -> int:
    """Write to `answer.json` what tags name now, and the files of layers that our images do not have.

    For an index it is the image for the reference's platform. Each reference has an answer: {} if there is no image;
    `error`; only the digest if it is our image; otherwise its documents, and `layers`, the digests of the layers whose
    files are in `files` of `answer.json`.
    """
    options = {name: RegistryOptions.from_json(item) for name, item in request["registries"].items()}
    stores = Stores(request["root"], os.environ, options)
    answers = []
    with open(protocol.ANSWER, "w+b") as output:
        output.write(b'{"files":{')
        layers = _Layers(output, Limits.from_json(request.get("limits", {})))
        for reference in request["references"]:
            try:
                answers.append(_remote_image(reference, stores, layers))
            except OcikitError as error:
                answers.append({"error": str(error)})
        rest = canonical_json.dumps({"answers": answers, "warnings": list(stores.warnings())})
        output.write(b"}," + rest[1:])
    return 0


class _Layers:
    """Writes the files of layers while reading them: there may be hundreds of thousands."""

    def __init__(self, output: BinaryIO, limits: Limits) -> None:
        self._output, self._limits = output, limits
        self._written: set[Digest] = set()

    def add(self, store: Store, layers: Sequence[Descriptor]) -> None:
        """Write the layers of an image that are not written yet. An error leaves nothing of them behind."""
        missing = list({layer.digest: layer for layer in layers if layer.digest not in self._written}.values())
        start = self._output.tell()
        try:
            for layer, files in zip(missing, image_layers(store, missing, self._limits, FileCount(self._limits))):
                comma = b"," if self._output.tell() > len(b'{"files":{') else b""
                self._output.write(b'%b"%b":' % (comma, str(layer.digest).encode()))
                _write_rows(self._output, files)
        except BaseException:
            self._output.seek(start)
            self._output.truncate()
            raise
        self._written.update(layer.digest for layer in missing)


def _remote_image(reference: Mapping[str, Any], stores: Stores, written: _Layers) -> dict[str, Any]:
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
    written.add(store, layers)
    return {
        "digest": str(found.digest),
        "media_type": image.manifest.media_type,
        "manifest": image.manifest.data.decode("utf-8"),
        "config": image.config.data.decode("utf-8"),
        "layers": [str(layer.digest) for layer in layers],
    }


def _image_of_index(store: Store, index: Descriptor, platform: Platform) -> Descriptor | None:
    document = store.fetch_manifest(str(index.digest))
    assert isinstance(document, ImageIndex)
    with suppress(InvalidInput):
        return document.select(platform)
    return None


def _write_rows(output: BinaryIO, files: Iterable[File]) -> None:
    """Write a JSON array of rows, see `File.from_row`."""
    before = b"["
    for file in files:
        output.write(before + json.dumps(file.to_row(), ensure_ascii=False, separators=(",", ":")).encode())
        before = b","
    output.write(b"[]" if before == b"[" else b"]")


COMMANDS = {protocol.LAYER_FILES: run_layer_files, protocol.REMOTE_IMAGES: run_remote_images}

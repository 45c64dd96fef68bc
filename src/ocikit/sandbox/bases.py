"""Commands with which Pants reads bases in registries. The input is a JSON file, the output is files.

The content of a digest never changes: `base` and `base_layer` read only by digest, so Pants can cache their results.
Options of registries are not in their request but in the environment, see `ocikit.sandbox.environment_socket`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ocikit.errors import InvalidInput, NetworkError, NotFound, OcikitError
from ocikit.image.base import choose
from ocikit.layer.compression import kind_of
from ocikit.layer.limits import Expansion, Limits
from ocikit.layer.received import receive_layer
from ocikit.publish.request import Destination
from ocikit.publish.stores import Stores
from ocikit.registry.limiter import CONNECTIONS
from ocikit.registry.options import RegistryOptions
from ocikit.sandbox import protocol
from ocikit.sandbox.environment_socket import REGISTRIES_VARIABLE
from ocikit.spec import canonical_json
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest, check_level
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference
from ocikit.store.store import Store, read_document

_ATTEMPTS = 3


def run_base(request: Mapping[str, Any]) -> int:
    """Write `manifest.json` and `config.json` of `digest` in `repository`, for `platform`."""
    store = _stores(request)(Destination(request["repository"]))
    manifest = _manifest(store, Digest.parse(request["digest"]), Platform.parse(request["platform"]))
    Path(protocol.MANIFEST_FILE).write_bytes(manifest.data)
    Path(protocol.CONFIG_FILE).write_bytes(_config(store, manifest))
    return 0


def run_base_layer(request: Mapping[str, Any]) -> int:
    """Download `layer` (a descriptor) to `blobs/sha256/<hex>`; check its `diff_id` and `limits`."""
    store = _stores(request)(Destination(request["repository"]))
    layer, limits = Descriptor.from_json(request["layer"]), Limits.from_json(request.get("limits", {}))
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _read_layer(store, layer, request["diff_id"], limits)
            break
        except NetworkError:
            if attempt == _ATTEMPTS:
                raise
    return 0


def run_lock(request: Mapping[str, Any]) -> int:
    """Resolve `references` and write the answers, by reference, to `answer.json`. `only_digests`: without platforms."""
    stores = _stores(request)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        asked = {
            text: pool.submit(_lock, stores, Reference.parse(text), request["only_digests"])
            for text in request["references"]
        }
        answers = {text: answer.result() for text, answer in asked.items()}
    Path(protocol.ANSWER).write_bytes(canonical_json.dumps(answers))
    return 0


def _stores(request: Mapping[str, Any]) -> Stores:
    variable = os.environ.get(REGISTRIES_VARIABLE, "{}")
    tables = request.get("registries") or canonical_json.loads_object(variable, REGISTRIES_VARIABLE, max_size=None)
    return Stores(
        ".",
        os.environ,
        {name: RegistryOptions.from_json(table) for name, table in tables.items()},
        mirrors=True,
    )


def _manifest(store: Store, digest: Digest, platform: Platform) -> Manifest:
    found = store.fetch_manifest(str(digest))
    level = 0
    while isinstance(found, ImageIndex):
        check_level(level, found)
        found = store.fetch_manifest(str(choose(found, platform).digest))
        level += 1
    return found


def _config(store: Store, manifest: Manifest) -> bytes:
    return read_document(store, manifest.config, f"the config {manifest.config.digest}")


def _read_layer(store: Store, layer: Descriptor, diff_id: str, limits: Limits) -> None:
    what = f"the layer {layer.digest}"
    with store.open_blob(layer) as stream:
        chunks = verified(stream, layer.digest, layer.size, what)
        expansion = Expansion(limits)
        receive_layer(chunks, kind_of(layer.media_type), Digest.parse(diff_id), what, ".", expansion=expansion)


def _lock(stores: Stores, reference: Reference, only_digests: bool) -> dict[str, Any]:
    try:
        store = stores(Destination(str(reference.repository)))
        found = store.resolve(str(reference.tag))
        if found is None:
            return {"gone": True}
        if only_digests:
            return {"digest": str(found.digest)}
        manifest = store.fetch_manifest(str(found.digest))
        platforms = _platforms(store, manifest)
    except OcikitError as error:
        return {"error": str(error)}
    return {"digest": str(found.digest), "platforms": platforms}


def _platforms(store: Store, manifest: Manifest | ImageIndex, level: int = 0) -> dict[str, str]:
    """The manifest for each platform; if an index has several for one, the first."""
    if isinstance(manifest, Manifest):
        platform = ImageConfig.parse(_config(store, manifest)).platform
        return {str(Platform.parse(str(platform))): str(manifest.descriptor.digest)}
    check_level(level, manifest)
    found: dict[str, str] = {}
    for entry in manifest.manifests:
        name = str(entry.platform) if entry.platform else ""
        try:
            Platform.parse(name)
        except InvalidInput:
            # An attestation, or a platform that no target can name.
            continue
        found.setdefault(name, str(entry.digest))
    if not found and len(manifest.manifests) == 1 and manifest.manifests[0].platform is None:
        return _platforms(store, store.fetch_manifest(str(manifest.manifests[0].digest)), level + 1)
    if not found:
        raise NotFound(f"the index {manifest.descriptor.digest} has no image for any platform.")
    return found


COMMANDS = {protocol.BASE: run_base, protocol.BASE_LAYER: run_base_layer, protocol.LOCK: run_lock}

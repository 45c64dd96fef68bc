"""Describe an image, as lines of text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocikit.layer.contents import File
from ocikit.spec import canonical_json
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.units import human_bytes

PlacedFile = tuple[int, File]


def document(
    manifest: Manifest | ImageIndex,
    config: ImageConfig | None,
    origins: Sequence[str] = (),
    files: Sequence[PlacedFile] | None = None,
) -> dict[str, Any]:
    """The description as JSON.

    `origins`: the origin of each layer, by default from the config's history; `files`: the largest files.
    """
    described: dict[str, Any] = {
        **manifest.descriptor.to_json(),
        "manifest": canonical_json.loads_object(manifest.data, "the manifest"),
    }
    if config and isinstance(manifest, Manifest):
        described["config"] = canonical_json.loads_object(config.data, "the config")
        layer_origins = origins or tuple(_history(config))
        described["layers"] = [
            {
                "digest": str(layer.digest),
                "diff_id": str(diff_id),
                "size": layer.size,
                "origin": layer_origins[number] if number < len(layer_origins) else "",
            }
            for number, (layer, diff_id) in enumerate(zip(manifest.layers, config.diff_ids))
        ]
    if files is not None:
        described["files"] = [{**file.to_json(), "layer": number} for number, file in files]
    return described


def lines(
    title: str,
    manifest: Manifest | ImageIndex,
    config: ImageConfig | None,
    origins: Sequence[str] = (),
    files: Sequence[PlacedFile] = (),
) -> Iterator[str]:
    """The description as lines of text; arguments as for `document`."""
    yield title
    yield from _pairs({"digest": manifest.descriptor.digest, "type": manifest.media_type})
    for name, value in sorted(manifest.annotations.items()):
        yield f"annotation  {name}={value}"
    if isinstance(manifest, ImageIndex):
        yield f"images      {len(manifest.manifests)}"
        for child in manifest.manifests:
            yield f"  {child.digest}  {child.platform or child.media_type}"
        return
    if config:
        yield from _container_lines(config)
    yield f"layers      {len(manifest.layers)}, {human_bytes(sum(y.size for y in manifest.layers))}"
    layer_origins = origins or (tuple(_history(config)) if config else ())
    for number, layer in enumerate(manifest.layers):
        yield _layer_line(layer, layer_origins[number] if number < len(layer_origins) else "")
    if files:
        yield "largest files"
    for number, file in files:
        origin = f"  {_shortened(layer_origins[number])}" if number < len(layer_origins) else ""
        yield f"  {human_bytes(file.size):>9}  /{file.path}{origin}"


def _container_lines(config: ImageConfig) -> Iterator[str]:
    container = config.container
    yield from _pairs(
        {
            "platform": config.platform,
            "created": config.document.get("created"),
            "entrypoint": _words(container.get("Entrypoint")),
            "args": _words(container.get("Cmd")),
            "workdir": container.get("WorkingDir"),
            "user": container.get("User"),
            "ports": ", ".join(sorted(container.get("ExposedPorts") or ())),
            "volumes": ", ".join(sorted(container.get("Volumes") or ())),
            "stop signal": container.get("StopSignal"),
        }
    )
    for variable in container.get("Env") or ():
        yield f"env         {variable}"
    for name, value in sorted((container.get("Labels") or {}).items()):
        yield f"label       {name}={value}"


def _pairs(pairs: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name:<11} {value}" for name, value in pairs.items() if value)


def _words(words: Any) -> str:
    return json.dumps(words, ensure_ascii=False) if words else ""


def _history(config: ImageConfig) -> Iterator[str]:
    return (line.get("created_by") or "" for line in config.history if not line.get("empty_layer"))


def _layer_line(layer: Descriptor, origin: str) -> str:
    return f"  {layer.digest}  {human_bytes(layer.size):>9}  {_shortened(origin)}".rstrip()


def _shortened(origin: str) -> str:
    return " ".join(origin.split())[:60]

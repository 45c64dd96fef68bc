"""`ocikit inspect IMAGE`: what it is made of, for people or as JSON."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ocikit import canonical_json
from ocikit.cli.arguments import add_insecure
from ocikit.config import ImageConfig
from ocikit.descriptor import Descriptor
from ocikit.destination import open_store
from ocikit.digest import verified
from ocikit.manifest import ImageIndex, Manifest
from ocikit.media_type import DOCKER_CONFIG, OCI_CONFIG
from ocikit.push.report import human_bytes
from ocikit.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("--json", action="store_true", help="manifest and config as JSON")
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    with open_store(arguments.image, os.environ, insecure=arguments.insecure) as location:
        manifest = location.store.fetch_manifest(location.name)
        config = _config(location.store, manifest)
    if arguments.json:
        document = _document(arguments.image, manifest, config)
        print(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        print("\n".join(_lines(arguments.image, manifest, config)))
    return 0


def _config(store: Store, manifest: Manifest | ImageIndex) -> ImageConfig | None:
    """The config of an image, None for an index and for what is no container image."""
    if isinstance(manifest, ImageIndex):
        return None
    described = manifest.config
    if described.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        return None
    with store.open_blob(described) as stream:
        chunks = verified(stream, described.digest, described.size, "the config")
        return ImageConfig.parse(b"".join(chunks))


def _document(text: str, manifest: Manifest | ImageIndex, config: ImageConfig | None) -> dict[str, Any]:
    described = manifest.descriptor
    document: dict[str, Any] = {
        "reference": text,
        **described.to_json(),
        "manifest": canonical_json.loads_object(manifest.data, "the manifest"),
    }
    if config:
        document["config"] = canonical_json.loads_object(config.data, "the config")
    return document


def _lines(text: str, manifest: Manifest | ImageIndex, config: ImageConfig | None) -> Iterator[str]:
    yield text
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
    origins = _origins(config)
    for layer in manifest.layers:
        yield _layer_line(layer, next(origins, ""))


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


def _origins(config: ImageConfig | None) -> Iterator[str]:
    for line in config.history if config else ():
        if not line.get("empty_layer"):
            yield str(line.get("created_by", ""))


def _layer_line(layer: Descriptor, origin: str) -> str:
    return f"  {layer.digest}  {human_bytes(layer.size):>9}  {' '.join(origin.split())[:60]}".rstrip()

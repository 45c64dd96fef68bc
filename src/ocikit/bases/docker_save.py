"""`manifest.json`, the table of contents of `docker save`. Pure.

Source: Docker's image specification 1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any

from ocikit.errors import InvalidContent
from ocikit.spec import canonical_json, schema
from ocikit.spec.config import ImageConfig
from ocikit.spec.digest import Digest

MANIFEST_FILE = "manifest.json"
_ENTRY = schema.members(("Config",), Config=schema.TEXT, Layers=schema.TEXTS, RepoTags=schema.TEXTS)
_IMAGE_ID = re.compile(r"(?:.*[:/])?([0-9a-f]{64})(?:\.json)?")


@dataclass(frozen=True)
class SavedImage:
    """An image: the paths of its config and its layers, the lowest first, and its names."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...] = ()


def saved_images(data: bytes) -> tuple[SavedImage, ...]:
    """Read `manifest.json`; raises InvalidContent."""
    return tuple(_image(entry) for entry in canonical_json.loads_list(data, MANIFEST_FILE))


def saved_config(image: SavedImage, data: bytes) -> ImageConfig:
    """The image's config, verified if its path has the image ID, as in Docker's own archives."""
    named = _IMAGE_ID.fullmatch(image.config)
    found = Digest.of(data)
    if named and named[1] != found.hex:
        raise InvalidContent(f'"{posixpath.basename(image.config)}" is corrupt: its content has the digest {found}.')
    config = ImageConfig.parse(data)
    layers, diff_ids = len(image.layers), len(config.diff_ids)
    if layers != diff_ids:
        raise InvalidContent(f"{MANIFEST_FILE} has {layers} layers, the config {diff_ids} diff IDs.")
    return config


def _image(entry: Any) -> SavedImage:
    schema.check(entry, _ENTRY, f"{MANIFEST_FILE} has an entry that is not an image")
    return SavedImage(entry["Config"], tuple(entry.get("Layers") or ()), tuple(entry.get("RepoTags") or ()))

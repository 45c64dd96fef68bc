"""OCI images and registries: values, decisions and stores.

This package exports the pure half, which needs only the standard library and does no IO. Import what
reads and writes from its own module: `ocikit.layout`, `ocikit.archive`, `ocikit.layer.build`,
`ocikit.registry`, `ocikit.push`.
"""

from __future__ import annotations

from ocikit import canonical_json, media_type, settings
from ocikit.config import ContainerSettings, Healthcheck, History, ImageConfig
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import (
    Denied,
    InvalidContent,
    InvalidInput,
    NetworkError,
    NotFound,
    OcikitError,
    ProtocolViolation,
    RegistryError,
    TooManyRequests,
    Unauthorized,
)
from ocikit.image import Image, build_image
from ocikit.index import build_index
from ocikit.layer.compress import Compression
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.layer import Layer
from ocikit.layer.placement import Owner, Placement, Source, parse_mode, place
from ocikit.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.platform import Platform
from ocikit.reference import Reference, Repository, parse_repository, validate_tag
from ocikit.store import Store, copy

__all__ = [
    "Compression",
    "ContainerSettings",
    "Denied",
    "Descriptor",
    "Digest",
    "Entry",
    "Healthcheck",
    "History",
    "Image",
    "ImageConfig",
    "ImageIndex",
    "InvalidContent",
    "InvalidInput",
    "Layer",
    "Manifest",
    "NetworkError",
    "NotFound",
    "OcikitError",
    "Owner",
    "Placement",
    "Platform",
    "ProtocolViolation",
    "Reference",
    "RegistryError",
    "Repository",
    "Source",
    "Store",
    "TooManyRequests",
    "Unauthorized",
    "arrange",
    "build_image",
    "build_index",
    "canonical_json",
    "copy",
    "media_type",
    "parse_manifest",
    "parse_mode",
    "parse_repository",
    "place",
    "settings",
    "validate_tag",
]

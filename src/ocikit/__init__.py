"""OCI images: values, documents, and the functions that make images of them.

Everything here needs the standard library only, and does no input or output itself: the other public modules read and
write.
"""

from __future__ import annotations

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
from ocikit.image.build import Image, build_image
from ocikit.image.index import build_index
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.layer import Layer
from ocikit.layer.limits import FileCount, LimitExceeded, Limits
from ocikit.layer.placement import Owner, Placement, Source, parse_mode, place
from ocikit.spec.config import ContainerSettings, Healthcheck, History, ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference, Repository, parse_repository, validate_tag
from ocikit.store.store import BatchTagger, Opener, Store, copy

__all__ = [
    "BatchTagger",
    "Compression",
    "ContainerSettings",
    "Denied",
    "Descriptor",
    "Digest",
    "Entry",
    "FileCount",
    "Healthcheck",
    "History",
    "Image",
    "ImageConfig",
    "ImageIndex",
    "InvalidContent",
    "InvalidInput",
    "Layer",
    "LimitExceeded",
    "Limits",
    "Manifest",
    "NetworkError",
    "NotFound",
    "OcikitError",
    "Opener",
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
    "copy",
    "parse_manifest",
    "parse_mode",
    "parse_repository",
    "place",
    "validate_tag",
    "verified",
]

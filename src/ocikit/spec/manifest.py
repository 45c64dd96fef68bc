"""Image manifests and image indexes: exact bytes with a parsed view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import canonical_json, media_type, schema
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import DEFAULT_ALGORITHM, Digest
from ocikit.spec.platform import UNKNOWN, Platform

# Indexes of indexes are rare, and deeper nesting has no use.
MAX_LEVELS = 8
# The members of manifests and indexes; `config`, `layers` and `manifests` contain descriptors.
_MANIFEST = schema.members(
    mediaType=schema.TEXT,
    annotations=schema.TEXT_MAP,
    layers=schema.ListOf(schema.MapOf()),
    manifests=schema.ListOf(schema.MapOf()),
)


@dataclass(frozen=True)
class Manifest:
    """The manifest of one platform's image: its exact bytes, and what they say.

    `data` are the bytes, `config` and `layers` (the lowest first) their descriptors. `algorithm` is that of the
    manifest's own digest. Make one with `of` or `parse_manifest`. Spec: image-spec v1.1.1, manifest.md.
    """

    data: bytes
    media_type: str
    config: Descriptor = field(compare=False)
    layers: tuple[Descriptor, ...] = field(compare=False)
    annotations: Mapping[str, str] = field(compare=False)
    algorithm: str = DEFAULT_ALGORITHM

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotations", canonical_json.frozen(self.annotations))

    @classmethod
    def of(
        cls,
        config: Descriptor,
        layers: Sequence[Descriptor],
        annotations: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Serialise a new OCI manifest; `layers`: the lowest first."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type.OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        if annotations:
            document["annotations"] = dict(annotations)
        data = canonical_json.dumps(document)
        return cls(data, media_type.OCI_MANIFEST, config, tuple(layers), annotations or {})

    @cached_property
    def descriptor(self) -> Descriptor:
        """Media type, digest and size of this manifest; the digest is that of the image."""
        return Descriptor(self.media_type, Digest.of(self.data, self.algorithm), len(self.data))

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The blobs to push before this manifest: the layers that may be distributed, then the config."""
        return (*(layer for layer in self.layers if media_type.is_distributable(layer.media_type)), self.config)

    @property
    def withheld(self) -> tuple[Descriptor, ...]:
        """The layers that must not be distributed. No store needs them, and they are never uploaded."""
        return tuple(layer for layer in self.layers if not media_type.is_distributable(layer.media_type))


@dataclass(frozen=True)
class ImageIndex:
    """One name for images of several platforms: the exact bytes of the index, and what they say.

    `data` are the bytes, `manifests` the descriptors of the images. `algorithm` is that of the index's own digest. Make
    one with `build_index`, `of` or `parse_manifest`. Spec: image-spec v1.1.1, image-index.md.
    """

    data: bytes
    media_type: str
    manifests: tuple[Descriptor, ...] = field(compare=False)
    annotations: Mapping[str, str] = field(compare=False)
    algorithm: str = DEFAULT_ALGORITHM

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotations", canonical_json.frozen(self.annotations))

    @classmethod
    def of(cls, manifests: Sequence[Descriptor], annotations: Mapping[str, str] | None = None) -> ImageIndex:
        """Serialise a new OCI image index; the order of `manifests` is kept."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type.OCI_INDEX,
            "manifests": [manifest.to_json() for manifest in manifests],
        }
        if annotations:
            document["annotations"] = dict(annotations)
        data = canonical_json.dumps(document)
        return cls(data, media_type.OCI_INDEX, tuple(manifests), annotations or {})

    @cached_property
    def descriptor(self) -> Descriptor:
        """Media type, digest and size of this index."""
        return Descriptor(self.media_type, Digest.of(self.data, self.algorithm), len(self.data))

    def select(self, platform: Platform) -> Descriptor:
        """The descriptor of the image for `platform`. Raises InvalidInput with the platforms of the index."""
        for manifest in self.manifests:
            if manifest.platform and platform.runs(manifest.platform):
                return manifest
        known = [str(m.platform) for m in self.manifests if m.platform and m.platform.os != UNKNOWN.os]
        found = ", ".join(dict.fromkeys(known)) or "none"
        raise InvalidInput(f'no image for platform "{platform}"; available: {found}.')


def check_level(level: int, index: ImageIndex) -> None:
    """Raise InvalidContent if an index at nesting `level` is too deep: a registry could nest indexes without end."""
    if level >= MAX_LEVELS:
        raise InvalidContent(
            f"the index {index.descriptor.digest} is within {level} others: at most {MAX_LEVELS} levels are read."
        )


def parse_manifest(
    data: bytes, declared: str | None = None, algorithm: str = DEFAULT_ALGORITHM
) -> Manifest | ImageIndex:
    """Read a manifest or an index of OCI or Docker.

    `declared` is the media type of the sender, in a `Content-Type` or a descriptor. A `mediaType` in the document
    must equal it. `algorithm` is that of the digest that names the document. Raises InvalidContent, also above the
    limits for documents (4 MiB, 100 levels of nesting).
    """
    document = canonical_json.loads_object(data, "the manifest")
    if document.get("schemaVersion") != 2:
        raise InvalidContent(
            f"the manifest has schema version {document.get('schemaVersion')!r:.100}: only 2 is supported."
        )
    schema.check(document, _MANIFEST, "the manifest")
    own = document.get("mediaType")
    if declared and own and declared != own:
        raise InvalidContent(f'the manifest: expected media type "{declared}", got "{own}".')
    kind = own or declared or _guess(document)
    if "manifests" in document and ("layers" in document or "config" in document):
        # Readers would disagree on what it is. Source: CVE-2021-41190.
        raise InvalidContent("the manifest is also an index: it has both layers and manifests.")
    annotations = document.get("annotations") or {}
    if kind in media_type.INDEXES:
        return ImageIndex(data, kind, _descriptors(document, "manifests"), annotations, algorithm)
    if kind in media_type.MANIFESTS:
        config = Descriptor.from_json(document.get("config"))
        return Manifest(data, kind, config, _descriptors(document, "layers"), annotations, algorithm)
    raise InvalidContent(f'"{kind}" is neither an image manifest nor an image index.')


def _guess(document: Mapping[str, Any]) -> str:
    return media_type.OCI_INDEX if "manifests" in document else media_type.OCI_MANIFEST


def _descriptors(document: Mapping[str, Any], key: str) -> tuple[Descriptor, ...]:
    if key not in document:
        raise InvalidContent(f'the manifest: expected "{key}", which is missing.')
    return tuple(Descriptor.from_json(item) for item in document[key] or ())

"""The steps of a plan: what is to be done in one repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.publish.request import Destination
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest


@dataclass(frozen=True)
class Unchanged:
    """The tag has the image already."""

    origin: str
    destination: Destination
    tag: str
    digest: Digest


@dataclass(frozen=True)
class Blocked:
    """Upload nothing: a tag that must not move names the image `found`, or (None) another tag of the request does."""

    origin: str
    destination: Destination
    tag: str
    requested: Digest
    found: Digest | None


@dataclass(frozen=True)
class Upload:
    """Upload a blob."""

    destination: Destination
    blob: Descriptor

    def to_json(self) -> dict[str, Any]:
        return {"destination": self.destination.address, "blob": self.blob.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Upload:
        return cls(Destination(document["destination"]), Descriptor.from_json(document["blob"]))


@dataclass(frozen=True)
class Mount:
    """Mount a blob from another repository of the same registry, which has it or gets it before."""

    destination: Destination
    blob: Descriptor
    source: Destination

    def to_json(self) -> dict[str, Any]:
        return {
            "destination": self.destination.address,
            "blob": self.blob.to_json(),
            "source": self.source.address,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Mount:
        return cls(
            Destination(document["destination"]),
            Descriptor.from_json(document["blob"]),
            Destination(document["source"]),
        )


@dataclass(frozen=True)
class PutPlatformManifest:
    """Store the manifest of an index's image; no tag names it."""

    destination: Destination
    manifest: Descriptor

    def to_json(self) -> dict[str, Any]:
        return {"destination": self.destination.address, "manifest": self.manifest.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PutPlatformManifest:
        return cls(Destination(document["destination"]), Descriptor.from_json(document["manifest"]))


@dataclass(frozen=True)
class PutManifest:
    """Store a manifest or an index and make tags name it; `known`: it exists and only the tags are new."""

    origin: str
    destination: Destination
    tags: tuple[str, ...]
    manifest: Descriptor
    known: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "destination": self.destination.address,
            "tags": list(self.tags),
            "manifest": self.manifest.to_json(),
            "known": self.known,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PutManifest:
        return cls(
            document["origin"],
            Destination(document["destination"]),
            tuple(document["tags"]),
            Descriptor.from_json(document["manifest"]),
            document["known"],
        )


@dataclass(frozen=True)
class Plan:
    """The steps, safe to stop after any of them in this order: uploads, mounts, children, puts."""

    kept: tuple[Unchanged, ...] = ()
    refused: tuple[Blocked, ...] = ()
    uploads: tuple[Upload, ...] = ()
    mounts: tuple[Mount, ...] = ()
    puts: tuple[PutManifest, ...] = ()
    children: tuple[PutPlatformManifest, ...] = ()

    @property
    def bytes_to_send(self) -> int:
        """Compressed bytes of the blobs to upload, without manifests."""
        return sum(step.blob.size for step in self.uploads)

    def to_json(self) -> dict[str, Any]:
        """The steps that change something: what an executor needs."""
        return {
            "uploads": [step.to_json() for step in self.uploads],
            "mounts": [step.to_json() for step in self.mounts],
            "puts": [step.to_json() for step in self.puts],
            "children": [step.to_json() for step in self.children],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        return cls(
            uploads=tuple(Upload.from_json(step) for step in document["uploads"]),
            mounts=tuple(Mount.from_json(step) for step in document["mounts"]),
            puts=tuple(PutManifest.from_json(step) for step in document["puts"]),
            children=tuple(PutPlatformManifest.from_json(step) for step in document["children"]),
        )

"""What a run wants published: one image, one repository, some tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.manifest import ImageIndex, Manifest, parse_manifest


@dataclass(frozen=True, order=True)
class Destination:
    """A repository in a registry (`registry.example/shop/web`), or in a directory of layouts (`oci:dist/web`)."""

    address: str
    # Plain HTTP: only where the user said so.
    insecure: bool = False

    def reference(self, tag: str) -> str:
        """The address with a tag, as people and other tools write it."""
        return f"{self.address}:{tag}"

    def to_json(self) -> dict[str, Any]:
        return {"address": self.address, "insecure": self.insecure}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Destination:
        return cls(document["address"], document["insecure"])


@dataclass(frozen=True)
class PushRequest:
    """Let every one of `tags` in `destination` name the image of `manifest`.

    `origin` is the address of the target that asked for it: messages begin with it.
    """

    origin: str
    destination: Destination
    tags: tuple[str, ...]
    manifest: Manifest

    def to_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "destination": self.destination.to_json(),
            "tags": list(self.tags),
            "manifest": self.manifest.data.decode("utf-8"),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PushRequest:
        manifest = parse_manifest(document["manifest"].encode("utf-8"))
        assert not isinstance(manifest, ImageIndex)
        return cls(
            document["origin"],
            Destination.from_json(document["destination"]),
            tuple(document["tags"]),
            manifest,
        )

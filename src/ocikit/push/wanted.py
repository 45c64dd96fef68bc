"""What a run wants published: one image, one repository, some tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ocikit.manifest import ImageIndex, Manifest, parse_manifest

LAYOUTS_SCHEME = "oci:"


class Destination(NamedTuple):
    """A repository in a registry (`registry.example/shop/web`), or in a directory of layouts (`oci:dist/web`).

    A tuple, like `Question`: they are keys of large tables, and hashing a dataclass is slow.
    """

    address: str

    @property
    def registry(self) -> str | None:
        """host[:port], within which blobs can be mounted; None for a directory of layouts."""
        return None if self.address.startswith(LAYOUTS_SCHEME) else self.address.partition("/")[0]

    @property
    def path(self) -> str:
        """The repository's name in its registry."""
        return self.address.partition("/")[2]

    def reference(self, tag: str) -> str:
        """The address with a tag, as people and other tools write it."""
        return f"{self.address}:{tag}"


@dataclass(frozen=True)
class PushRequest:
    """Let every one of `tags` in `destination` name the image of `manifest`.

    `origin` is the address of the target that asked for it: messages begin with it. `layer_origins` says, for each
    layer, where it is from, in words for people. `bases`: where the image's base is published; its layers, the lowest
    `base_layers`, can be mounted from there. `immutable_tags`: a tag that names another image is never moved.
    """

    origin: str
    destination: Destination
    tags: tuple[str, ...]
    manifest: Manifest
    layer_origins: tuple[str, ...] = field(default=(), compare=False)
    bases: tuple[Destination, ...] = ()
    base_layers: int = 0
    immutable_tags: bool = False

    def to_json(self) -> dict[str, Any]:
        """What a sandbox needs of it: what to ask about, and what to store."""
        return {
            "origin": self.origin,
            "destination": self.destination.address,
            "tags": list(self.tags),
            "manifest": self.manifest.data.decode("utf-8"),
            "immutable_tags": self.immutable_tags,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PushRequest:
        manifest = parse_manifest(document["manifest"].encode("utf-8"))
        assert not isinstance(manifest, ImageIndex)
        return cls(
            document["origin"],
            Destination(document["destination"]),
            tuple(document["tags"]),
            manifest,
            immutable_tags=document["immutable_tags"],
        )

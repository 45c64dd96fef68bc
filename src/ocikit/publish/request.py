"""A request to publish: one image or index, one repository, some tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ocikit.spec.descriptor import Descriptor
from ocikit.spec.image_layout import LAYOUT_SCHEME
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest


class Destination(NamedTuple):
    """A repository in a registry (`registry.example/shop/web`), or in a directory of layouts (`oci:dist/web`).

    A tuple, like `Question`: they are keys of large tables, and hashing a dataclass is slow.
    """

    address: str

    @property
    def registry(self) -> str | None:
        """host[:port], within which blobs can be mounted; None for a directory of layouts."""
        return None if self.address.startswith(LAYOUT_SCHEME) else self.address.partition("/")[0]

    @property
    def path(self) -> str:
        """The repository's name in its registry."""
        return self.address.partition("/")[2]

    def reference(self, tag: str) -> str:
        """The address with a tag, as people and other tools write it."""
        return f"{self.address}:{tag}"


@dataclass(frozen=True)
class PushRequest:
    """Make all `tags` in `destination` name the image of `manifest`, or the index with its images `children`.

    `origin` is the address of the target that requests it; messages begin with it. `layer_origins`: for each layer,
    where it is from, in words for people; for an index, those of one image after the other. `bases`: where the image's
    base is published; its layers, the lowest `base_layers`, can be mounted from there. `child_bases`: the same for each
    of `children`. `immutable_tags`: a tag that names another image is never moved.
    """

    origin: str
    destination: Destination
    tags: tuple[str, ...]
    manifest: Manifest | ImageIndex
    layer_origins: tuple[str, ...] = field(default=(), compare=False)
    bases: tuple[Destination, ...] = ()
    base_layers: int = 0
    immutable_tags: bool = False
    children: tuple[Manifest, ...] = ()
    child_bases: tuple[tuple[tuple[Destination, ...], int], ...] = ()

    def __post_init__(self) -> None:
        named = self.manifest.manifests if isinstance(self.manifest, ImageIndex) else ()
        assert [child.digest for child in named] == [child.descriptor.digest for child in self.children]

    @property
    def images(self) -> tuple[Manifest, ...]:
        """The image, or those of the index in its order."""
        return (self.manifest,) if isinstance(self.manifest, Manifest) else self.children

    @cached_property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The blobs that must be stored before the manifests, each once."""
        return tuple({blob.digest: blob.plain() for image in self.images for blob in image.blobs}.values())

    @cached_property
    def size(self) -> int:
        """Compressed bytes of the layers, each once."""
        return sum({layer.digest: layer.size for image in self.images for layer in image.layers}.values())

    def base_blobs(self) -> Iterator[tuple[Destination, Descriptor]]:
        """The layers of bases, with the repositories that have them."""
        below = self.child_bases if self.children else ((self.bases, self.base_layers),)
        for image, (bases, count) in zip(self.images, below):
            yield from ((base, layer) for base in bases for layer in image.layers[:count])

    def to_json(self) -> dict[str, Any]:
        """The fields that a sandbox needs to ask and to store."""
        return {
            "origin": self.origin,
            "destination": self.destination.address,
            "tags": list(self.tags),
            "manifest": self.manifest.data.decode("utf-8"),
            "immutable_tags": self.immutable_tags,
            "children": [child.data.decode("utf-8") for child in self.children],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PushRequest:
        children = [parse_manifest(child.encode("utf-8")) for child in document["children"]]
        return cls(
            document["origin"],
            Destination(document["destination"]),
            tuple(document["tags"]),
            parse_manifest(document["manifest"].encode("utf-8")),
            immutable_tags=document["immutable_tags"],
            children=tuple(child for child in children if isinstance(child, Manifest)),
        )

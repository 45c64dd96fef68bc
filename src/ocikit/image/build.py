"""Images: `build_image` makes a config and a manifest of a base, layers and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.layer.layer import Layer
from ocikit.spec import media_type
from ocikit.spec.config import ContainerSettings, History, ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.platform import Platform

# The most that overlay-based engines mount (apko's docs/layering.md, containerd, Docker).
MAX_LAYERS = 127


@dataclass(frozen=True)
class Image:
    """The manifest and the config of one platform's image; a store has its layers, by digest.

    Raises InvalidContent if manifest and config do not belong together.
    """

    manifest: Manifest
    config: ImageConfig

    def __post_init__(self) -> None:
        expected = self.manifest.config.digest
        found = Digest.of(self.config.data, expected.algorithm)
        if found != expected:
            raise InvalidContent(f"the manifest's config: expected {expected}, got {found}.")
        layers, diff_ids = len(self.manifest.layers), len(self.config.diff_ids)
        if layers != diff_ids:
            raise InvalidContent(f"the manifest has {layers} layers, the config {diff_ids} diff IDs.")

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return self.manifest.descriptor.digest

    @property
    def platform(self) -> Platform:
        """The platform in the config."""
        return self.config.platform


def build_image(
    *,
    base: Image | None,
    layers: Sequence[Layer],
    settings: ContainerSettings,
    platform: Platform,
    annotations: Mapping[str, str],
) -> Image:
    """Put `layers`, the lowest first, on `base`; without a base, on nothing.

    Pure: equal arguments give an image with an equal digest. `annotations` are those of the manifest. An image on a
    base has the platform of the base. Push the blobs of the layers, then `image.config.data` as the blob
    `image.manifest.config`, then `image.manifest`. Raises InvalidInput if the base is for another platform, or if the
    image would have no layers or more than engines mount (127).
    """
    if base and not platform.runs(base.platform):
        raise InvalidInput(f'expected a base for platform "{platform}", got "{base.platform}".')
    below = _layers_of(base) if base else ()
    descriptors = (*below, *(layer.descriptor for layer in layers))
    if not descriptors:
        # image-spec's text allows such an image, but its JSON schema and several registries do not.
        raise InvalidInput("the image is empty: it has no base and no layers.")
    if len(descriptors) > MAX_LAYERS:
        raise InvalidInput(f"{len(descriptors)} layers are more than the {MAX_LAYERS} that container engines mount.")
    config = ImageConfig.of(
        base.config.platform if base else platform,
        settings.over(base.config.container if base else {}),
        (*(base.config.diff_ids if base else ()), *(layer.diff_id for layer in layers)),
        (*(_history_of(base) if base else ()), *(layer.history.to_json() for layer in layers)),
    )
    described = Descriptor(media_type.OCI_CONFIG, Digest.of(config.data), len(config.data))
    return Image(Manifest.of(described, descriptors, annotations), config)


def shared_layers(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Count the lowest layers that two images have in common, by their diff IDs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


def _layers_of(base: Image) -> tuple[Descriptor, ...]:
    """The base's layers with OCI media types: a manifest must not mix OCI's and Docker's."""
    return tuple(
        Descriptor(
            media_type.OCI_NAME_OF_DOCKER_LAYER.get(layer.media_type, layer.media_type),
            layer.digest,
            layer.size,
        )
        for layer in base.manifest.layers
    )


def _history_of(base: Image) -> tuple[Mapping[str, Any], ...]:
    """The base's history with an entry for each layer, because readers match entries and layers one by one."""
    history = base.config.history
    lines = sum(1 for line in history if not line.get("empty_layer"))
    missing = len(base.config.diff_ids) - lines
    filler: dict[str, Any] = History("unknown").to_json()
    return (*history, *([filler] * missing))

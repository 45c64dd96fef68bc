"""Checks that an image can be a base of others. Pure: the caller has read its documents."""

from __future__ import annotations

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.image.build import Image
from ocikit.layer.compression import kind_of
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import DEFAULT_ALGORITHM
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform

_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)


def choose(index: ImageIndex, platform: Platform) -> Descriptor:
    """Return the index's manifest for `platform`, or its only one if that has no platform. Raises InvalidInput."""
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    return index.select(platform)


def base_image(manifest: Manifest, config: bytes, platform: Platform) -> Image:
    """Check a base image for `platform` and return it. Raises InvalidContent, InvalidInput with the reason."""
    kind = manifest.config.media_type
    if kind not in _CONFIGS:
        raise InvalidContent(f'{manifest.descriptor.digest} is not a container image: its config is "{kind}".')
    for layer in manifest.layers:
        if not media_type.is_distributable(layer.media_type):
            raise InvalidContent(
                f'the layer {layer.digest} is not distributable ("{layer.media_type}"), and registries do not store '
                "it; choose a base without such layers."
            )
        kind_of(layer.media_type)
    image = Image(manifest, ImageConfig.parse(config))
    check_platform(image.config, platform)
    return image


def check_names(manifest: Manifest) -> None:
    """Raise InvalidInput unless all layers have SHA-256 digests, by which Pants verifies files.

    Other digests are valid (image-spec v1.1.1, descriptor.md#digests): `ocikit` reads, verifies and copies such
    images, and `ArchivedBase` gives their layers SHA-256 digests.
    """
    for layer in manifest.layers:
        if layer.digest.algorithm != DEFAULT_ALGORITHM:
            raise InvalidInput(
                f"the layer {layer.digest} is not named by its SHA-256, by which Pants identifies files. Put the image "
                "layout into a tar, and set `path` to it: layers of archives get SHA-256 digests."
            )


def check_platform(config: ImageConfig, platform: Platform) -> None:
    """Raise InvalidInput unless an image with this config is for `platform`."""
    if not platform.runs(config.platform):
        raise InvalidInput(f'expected a base for platform "{platform}", got "{config.platform}".')

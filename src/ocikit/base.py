"""What an image must be so that others can be built on it. Pure: its documents were read before."""

from __future__ import annotations

from ocikit import media_type
from ocikit.config import ImageConfig
from ocikit.descriptor import Descriptor
from ocikit.digest import DEFAULT_ALGORITHM
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.image import Image
from ocikit.layer.compress import kind_of
from ocikit.manifest import ImageIndex, Manifest
from ocikit.platform import Platform

_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)


def choose(index: ImageIndex, platform: Platform) -> Descriptor:
    """The index's manifest for `platform`, or its only one if that says none. Raises InvalidInput."""
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    return index.select(platform)


def base_image(manifest: Manifest, config: bytes, platform: Platform) -> Image:
    """The image to build on, on `platform`. Raises InvalidContent, InvalidInput with what is wrong with it."""
    kind = manifest.config.media_type
    if kind not in _CONFIGS:
        raise InvalidContent(f'{manifest.descriptor.digest} is no container image: its config is "{kind}".')
    for layer in manifest.layers:
        if not media_type.is_distributable(layer.media_type):
            raise InvalidContent(
                f'the layer {layer.digest} is "{layer.media_type}", which registries do not hold and nobody may pass '
                "on; choose a base without such layers."
            )
        kind_of(layer.media_type)
    image = Image(manifest, ImageConfig.parse(config))
    check_platform(image.config, platform)
    return image


def check_names(manifest: Manifest) -> None:
    """Raises InvalidInput unless Pants can tell by their digests that layers are what the manifest says.

    Pants knows files by their SHA-256. Other digests are valid (image-spec v1.1.1, descriptor.md#digests): `ocikit`
    reads, verifies and copies such images, and `ArchivedBase` gives their layers another name.
    """
    for layer in manifest.layers:
        if layer.digest.algorithm != DEFAULT_ALGORITHM:
            raise InvalidInput(
                f"the layer {layer.digest} is not named by its SHA-256, which is how Pants knows files. Put the image "
                "layout into a tar, and name that in `path`: layers of archives get other names."
            )


def check_platform(config: ImageConfig, platform: Platform) -> None:
    """Raises InvalidInput unless an image with this config is one for `platform`."""
    if not platform.runs(config.platform):
        raise InvalidInput(f'the base is for platform "{config.platform}", wanted "{platform}".')

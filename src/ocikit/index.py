"""Build image indexes: one name for images of several platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ocikit.descriptor import Descriptor
from ocikit.errors import InvalidInput
from ocikit.image import Image
from ocikit.manifest import ImageIndex


def build_index(images: Mapping[str, Image], annotations: Mapping[str, str]) -> ImageIndex:
    """Build the index of `images`, sorted by platform; the keys name the images in errors.

    Pure; the order of `images` does not matter. Raises InvalidInput, with the names, if two images match one platform,
    and if there are no images.
    """
    if not images:
        raise InvalidInput("the index is empty: it names no images.")
    described: dict[str, Descriptor] = {}
    for name, image in images.items():
        for other in described:
            platform = images[other].platform
            if image.platform.runs(platform):
                as_well = "" if image.platform == platform else f', which is "{platform}" as well'
                raise InvalidInput(
                    f'{other} and {name} are both for platform "{image.platform}"{as_well}; leave one out.'
                )
        described[name] = replace(image.manifest.descriptor, platform=image.platform)
    return ImageIndex.of(sorted(described.values(), key=lambda child: str(child.platform)), annotations)

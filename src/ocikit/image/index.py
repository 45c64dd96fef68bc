"""Image indexes: one name for images of several platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ocikit.errors import InvalidInput
from ocikit.image.build import Image
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.manifest import ImageIndex


def build_index(images: Mapping[str, Image], annotations: Mapping[str, str]) -> ImageIndex:
    """The index of `images`, sorted by platform. The keys of `images` name them in errors.

    Pure: the order of `images` does not matter. `annotations` are those of the index. Push the images first. Raises
    InvalidInput if two images are for the same platform, and if there are none.
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

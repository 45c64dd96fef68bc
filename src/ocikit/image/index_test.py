from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ocikit.errors import InvalidInput
from ocikit.image.build import Image, build_image
from ocikit.image.index import build_index
from ocikit.spec.config import ContainerSettings
from ocikit.spec.manifest import ImageIndex, parse_manifest
from ocikit.spec.platform import Platform
from ocikit.testing.images import tiny_layer


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Image]:
    """Images by platform."""
    layer = tiny_layer(str(tmp_path), {"hello.txt": b"hello"})
    platforms = (
        "linux/amd64",
        "linux/arm64",
        "linux/arm64/v8",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm",
        "linux/386",
    )
    return {
        text: build_image(
            base=None, layers=[layer], settings=ContainerSettings(), platform=Platform.parse(text), annotations={}
        )
        for text in platforms
    }


def test_images_are_sorted_by_platform(images: dict[str, Image]) -> None:
    expected = ("linux/386", "linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64")
    found = {
        build_index({f"//:{name}": images[name] for name in order}, {"b": "2", "a": "1"})
        for order in itertools.permutations(expected)
    }
    (index,) = found
    assert tuple(str(child.platform) for child in index.manifests) == expected
    for child in index.manifests:
        manifest = images[str(child.platform)].manifest.descriptor
        assert (child.digest, child.size, child.media_type) == (manifest.digest, manifest.size, manifest.media_type)
        assert index.select(Platform.parse(str(child.platform))) == child
    read = parse_manifest(index.data)
    assert isinstance(read, ImageIndex)
    assert (read.manifests, dict(read.annotations)) == (index.manifests, {"a": "1", "b": "2"})


@pytest.mark.parametrize(
    "one, other, says",
    [
        ("linux/amd64", "linux/amd64", 'for platform "linux/amd64"; leave'),
        ("linux/arm64", "linux/arm64/v8", 'for platform "linux/arm64/v8", which is "linux/arm64" as well; leave'),
        ("linux/arm/v7", "linux/arm", 'for platform "linux/arm", which is "linux/arm/v7" as well; leave'),
    ],
)
def test_two_images_for_one_platform_are_refused(images: dict[str, Image], one: str, other: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        build_index({"//:one": images[one], "//:between": images["linux/386"], "//:other": images[other]}, {})
    assert str(caught.value).startswith("//:one and //:other are both ")
    assert says in str(caught.value)


def test_an_index_without_images() -> None:
    with pytest.raises(InvalidInput, match="names no images"):
        build_index({}, {})

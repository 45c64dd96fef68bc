"""Tiny images, from bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from ocikit.image.build import Image, build_image
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry
from ocikit.layer.layer import Layer
from ocikit.layer.write import build_layer
from ocikit.spec import media_type
from ocikit.spec.config import ContainerSettings
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform
from ocikit.store.layout import Layout

LINUX = Platform("linux", "amd64")
NO_SETTINGS = ContainerSettings()
UNCOMPRESSED = Compression("none", 0)


def tiny_layer(output_directory: str, files: Mapping[str, bytes], compression: Compression = UNCOMPRESSED) -> Layer:
    """Write a layer of `files`, path in the image to content, to `output_directory`."""
    with tempfile.TemporaryDirectory() as sources:
        entries = []
        for number, (path, content) in enumerate(sorted(files.items())):
            with open(os.path.join(sources, str(number)), "wb") as stream:
                stream.write(content)
            entries.append(Entry(path, "file", 0o644, 0, 0, source=str(number)))
        return build_layer(entries, sources, output_directory, compression, "ocikit.testing")


def tiny_layout(
    path: str | os.PathLike[str],
    files: Mapping[str, bytes],
    tag: str | None = "latest",
    *,
    platform: Platform = LINUX,
    settings: ContainerSettings = NO_SETTINGS,
    compression: Compression = UNCOMPRESSED,
) -> Digest:
    """Put an image of one layer with `files` into the layout `path`; returns its digest.

    By default the layer is not compressed, so that no requirement is needed.
    """
    layout = Layout(path)
    layer = tiny_layer(layout.path, files, compression)
    image = build_image(base=None, layers=[layer], settings=settings, platform=platform, annotations={})
    push_image(layout, image, tag)
    return image.digest


def tiny_index(
    path: str | os.PathLike[str],
    files: Mapping[str, bytes],
    tag: str | None = "latest",
    *,
    platforms: tuple[Platform, ...] = (LINUX, Platform("linux", "arm64")),
) -> Digest:
    """Put an index into the layout `path`, with the same files for each platform; returns its digest."""
    layout = Layout(path)
    images = []
    for platform in platforms:
        digest = tiny_layout(path, files, None, platform=platform)
        manifest = layout.fetch_manifest(str(digest)).descriptor
        images.append(Descriptor(manifest.media_type, digest, manifest.size, platform=platform))
    index = ImageIndex.of(images)
    layout.push_manifest(index, tag)
    return index.descriptor.digest


def push_image(layout: Layout, image: Image, tag: str | None) -> None:
    """Put the config and the manifest of an image into a layout that has its layers."""
    layout.push_blob(image.manifest.config, lambda: BytesIO(image.config.data))
    layout.push_manifest(image.manifest, tag)


def described(content: str, kind: str = media_type.OCI_LAYER_GZIP) -> Descriptor:
    """The descriptor of a blob with this text."""
    return Descriptor(kind, Digest.of(content.encode()), len(content))


def manifest_of(*layers: str) -> Manifest:
    """The manifest of an image whose layers, and config, contain these texts."""
    config = described("config of " + " ".join(layers), media_type.OCI_CONFIG)
    return Manifest.of(config, [described(layer) for layer in layers])


def index_of(images: Mapping[str, Manifest]) -> ImageIndex:
    """The index of images, by platform."""
    return ImageIndex.of(
        [replace(image.descriptor, platform=Platform.parse(platform)) for platform, image in images.items()]
    )

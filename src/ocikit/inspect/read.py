"""Reading images, and the files of their layers, from stores.

Files are read within `Limits`, because a small hostile layer can expand to a huge one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocikit.errors import InvalidContent, NotFound
from ocikit.image.build import MAX_LAYERS, Image
from ocikit.layer.compression import decompress, kind_of
from ocikit.layer.contents import File
from ocikit.layer.limits import Expansion, FileCount, Limits
from ocikit.layer.read import read_files
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import verified
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.media_type import DOCKER_CONFIG, OCI_CONFIG, is_distributable
from ocikit.spec.platform import Platform
from ocikit.store.store import Store, read_document

__all__ = ["image_layers", "layer_files", "read_config", "read_image"]


def read_image(store: Store, name: str, platform: Platform) -> Image:
    """The image `name`, or the image for `platform` if `name` is an index. Layers are not read.

    `name` is a tag or the text of a digest. The platform of an image that is not in an index is not checked. Raises
    NotFound, InvalidContent for what is not a container image, InvalidInput if the index has no image for `platform`.
    """
    manifest = store.fetch_manifest(name)
    if isinstance(manifest, ImageIndex):
        manifest = store.fetch_manifest(str(manifest.select(platform).digest))
    if isinstance(manifest, ImageIndex):
        raise InvalidContent(f'"{name}" is an index of indexes; name one of them.')
    config = read_config(store, manifest)
    if config is None:
        raise InvalidContent(f'"{name}" is not a container image: its config is a "{manifest.config.media_type}".')
    return Image(manifest, config)


def read_config(store: Store, manifest: Manifest) -> ImageConfig | None:
    """The config of an image, verified; None for another artifact. Raises NotFound, InvalidContent."""
    described = manifest.config
    if described.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        return None
    return ImageConfig.parse(read_document(store, described, f"the config {described.digest}"))


def image_layers(
    store: Store, layers: Sequence[Descriptor], limits: Limits, count: FileCount
) -> Iterator[Iterator[File]]:
    """The files of each of `layers`, the lowest first, as `overlay` takes them.

    `count` counts the files of all layers: use one `FileCount` for all images that are in memory at the same time.
    Raises as `layer_files`, and InvalidContent for more layers than engines mount (127).
    """
    if len(layers) > MAX_LAYERS:
        raise InvalidContent(f"{len(layers)} layers are more than the {MAX_LAYERS} that container engines mount.")
    return (layer_files(store, layer, limits, count) for layer in layers)


def layer_files(store: Store, layer: Descriptor, limits: Limits, count: FileCount) -> Iterator[File]:
    """Yield the files of a layer in the order of its tar, in bounded memory.

    The blob is verified after the last file: until then, do not trust what was yielded. Raises InvalidContent for a
    damaged layer, LimitExceeded above `limits`, NotFound if the store does not have the blob. The addresses in a
    manifest (`urls`) are never used.
    """
    try:
        with store.open_blob(layer) as stream:
            chunks = verified(stream, layer.digest, layer.size, f"layer {layer.digest}")
            yield from read_files(decompress(chunks, kind_of(layer.media_type), Expansion(limits)), count)
    except NotFound:
        if is_distributable(layer.media_type):
            raise
        raise NotFound(
            f'the files of the layer {layer.digest} cannot be read: it is not distributable ("{layer.media_type}"), '
            "and registries need not store it."
        ) from None

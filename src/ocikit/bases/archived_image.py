"""Read a base from an archive: config, manifest and the layers of one image, all verified.

Compressed layers are kept byte for byte, so that nothing is uploaded to a registry that has them. `docker save` writes
uncompressed layers, also in its layout if it writes one; those are compressed like our own layers. Uncompressed, they
would be uploaded and stored at three times the size. The pinned compressor gives a layer the same digest on every
machine and in every archive of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocikit.bases.archive_file import ArchiveFile, compression_of
from ocikit.bases.docker_save import MANIFEST_FILE, SavedImage, saved_config, saved_images
from ocikit.errors import InvalidContent
from ocikit.image.base import base_image, check_platform
from ocikit.image.build import Image
from ocikit.image.select import Candidate, choose_candidate, choose_from_layout
from ocikit.layer.compression import Compression, kind_of
from ocikit.layer.received import receive_layer
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import CHUNK_SIZE, Digest, verified
from ocikit.spec.image_layout import INDEX_FILE, LAYOUT_FILE, blob_path
from ocikit.spec.manifest import Manifest
from ocikit.spec.platform import Platform

# All their configs are read to select one image.
_MAX_IMAGES = 1000


@dataclass(frozen=True)
class ArchivedBase:
    """The image to select, and the compression for its uncompressed layers."""

    platform: Platform
    digest: Digest | None
    compression: Compression

    def unpack(self, archive: ArchiveFile, output_directory: str) -> Image:
        """Write the image's layers to `output_directory`, as `blobs/sha256/<hex>`, in bounded memory.

        Raises InvalidInput if no single image is selected, InvalidContent or NotFound if the archive is invalid.
        """
        if archive.has(LAYOUT_FILE) and archive.has(INDEX_FILE):
            return self._from_layout(archive, output_directory)
        if archive.has(MANIFEST_FILE):
            return self._from_saved(archive, output_directory)
        raise InvalidContent(
            f"it is not an image archive: expected {LAYOUT_FILE} and {INDEX_FILE}, or {MANIFEST_FILE}, got neither. "
            "Write it with `docker save`, `podman save` or `skopeo copy`."
        )

    def _from_layout(self, archive: ArchiveFile, output_directory: str) -> Image:
        chosen = choose_from_layout(archive.read_if_there, self.platform, self.digest, "archive")
        image = base_image(chosen.manifest, chosen.config.data, self.platform)
        received: dict[tuple[Digest, str, Digest], Descriptor] = {}
        layers = []
        for layer, diff_id in zip(image.manifest.layers, image.config.diff_ids):
            what, kind = f"the layer {layer.digest}", kind_of(layer.media_type)
            if (layer.digest, kind, diff_id) not in received:
                with archive.open(blob_path(layer.digest)) as stream:
                    chunks = verified(stream, layer.digest, layer.size, what)
                    received[layer.digest, kind, diff_id] = receive_layer(
                        chunks, kind, diff_id, what, output_directory, self.compression, archive.expansion
                    )
            layers.append(received[layer.digest, kind, diff_id])
        if all(layer.digest == blob.digest for layer, blob in zip(image.manifest.layers, layers)):
            return image
        return _image(layers, image.config)

    def _from_saved(self, archive: ArchiveFile, output_directory: str) -> Image:
        images: dict[Digest, SavedImage] = {}
        candidates = []
        all_saved = saved_images(archive.read(MANIFEST_FILE))
        if len(all_saved) > _MAX_IMAGES:
            raise InvalidContent(f"{MANIFEST_FILE} has {len(all_saved)} images; the limit is {_MAX_IMAGES}.")
        for saved in all_saved:
            config = saved_config(saved, archive.read(saved.config))
            image_id = Digest.of(config.data)
            images[image_id] = saved
            candidates.append(Candidate(image_id, config.platform, saved.names))
        if not candidates:
            raise InvalidContent(f"{MANIFEST_FILE} has no image.")
        saved = images[choose_candidate(candidates, self.platform, self.digest, "archive").digest]
        config = saved_config(saved, archive.read(saved.config))
        check_platform(config, self.platform)
        layers = self._saved_layers(archive, saved, config, output_directory)
        return _image(layers, config)

    def _saved_layers(
        self, archive: ArchiveFile, saved: SavedImage, config: ImageConfig, output_directory: str
    ) -> list[Descriptor]:
        received: dict[tuple[str, Digest], Descriptor] = {}
        layers = []
        for path, diff_id in zip(saved.layers, config.diff_ids):
            file = (archive.resolved(path), diff_id)
            if file not in received:
                with archive.open(path) as stream:
                    kind, what = compression_of(stream), f'the layer "{path}"'
                    chunks: Iterator[bytes] = iter(lambda: stream.read(CHUNK_SIZE), b"")
                    received[file] = receive_layer(
                        chunks, kind, diff_id, what, output_directory, self.compression, archive.expansion
                    )
            layers.append(received[file])
        return layers


def _image(layers: list[Descriptor], config: ImageConfig) -> Image:
    described = Descriptor(media_type.OCI_CONFIG, Digest.of(config.data), len(config.data))
    return Image(Manifest.of(described, layers), config)

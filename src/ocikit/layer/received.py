"""Verify a layer that others made and store it as a blob."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Callable

from ocikit.atomic_file import NewFile, new_file
from ocikit.errors import InvalidContent
from ocikit.layer.compression import Compression, blocks, compress, decompress
from ocikit.layer.limits import Expansion
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest

_AS_IT_IS = Compression("none", 0)


def receive_layer(
    chunks: Iterable[bytes],
    kind: str,
    diff_id: Digest,
    what: str,
    output_directory: str,
    compression: Compression = _AS_IT_IS,
    expansion: Expansion | None = None,
) -> Descriptor:
    """Write the layer in `chunks` to `output_directory`, as `blobs/sha256/<hex>`; returns its descriptor.

    `kind`: the compression of the layer, which is kept; an uncompressed layer gets `compression`. `expansion`: its
    limit, see `decompress`. Memory is bounded. Raises InvalidContent, naming `what`, for a layer that cannot be read or
    has another `diff_id`; an error leaves no files behind.
    """
    chunks = iter(chunks)
    content = hashlib.new(diff_id.algorithm)
    blobs = os.path.join(output_directory, "blobs", "sha256")
    with new_file(blobs) as file:
        blob = _Blob(file)
        try:
            if kind == "none":
                for piece in compress(blocks(_seen_by(content.update, chunks)), compression):
                    blob.write(piece)
            else:
                for piece in decompress(_seen_by(blob.write, chunks), kind, expansion):
                    content.update(piece)
        except InvalidContent as error:
            # If the digest of the blob is wrong, reading the rest raises that, which is the better reason.
            for _ in chunks:
                pass
            raise InvalidContent(str(error) if what in str(error) else f"{what}: {error}") from None
        found = Digest(diff_id.algorithm, content.hexdigest())
        if found != diff_id:
            raise InvalidContent(f"{what}: expected the diff ID {diff_id}, got {found}.")
        digest = Digest("sha256", blob.hasher.hexdigest())
        file.commit(os.path.join(blobs, digest.hex))
    stored = compression if kind == "none" else Compression.parse(kind)
    return Descriptor(stored.media_type, digest, blob.size)


class _Blob:
    """A file being written, with the values for its descriptor."""

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self.hasher, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.hasher.update(data)
        self.size += len(data)


def _seen_by(see: Callable[[bytes], object], chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        see(chunk)
        yield chunk

"""Building a layer: the tar, its digest, the compressed blob and its digest, in one pass."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ocikit.atomic_file import explained, new_file
from ocikit.errors import NotFound
from ocikit.layer.compression import DEFAULT_THREADS, Compression, blocks, compress
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.layer import Layer
from ocikit.layer.tar import FileOpener, write_tar
from ocikit.spec.config import History
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest

__all__ = ["build_layer"]


def build_layer(
    entries: Iterable[Entry],
    source_directory: str,
    output_directory: str,
    compression: Compression,
    created_by: str,
    threads: int = DEFAULT_THREADS,
) -> Layer:
    """Write the layer of `entries` as `blobs/sha256/<hex>` in `output_directory`, which may be an image layout.

    `entries` are arranged first, see `arrange`. The `source` of a file is a path below `source_directory`; only the
    bytes of the file are used, not its mode and times. `created_by` is the layer's line in the image's history.
    Equal entries, bytes and `compression` give an equal layer; `threads` is the number of compressing threads, and
    does not change it. Memory does not grow with the size of files.

    Raises InvalidInput as `arrange`, NotFound for a missing file, InvalidContent for a file that changes while it is
    read, OcikitError if reading or writing fails. Then no blob is left behind.
    Spec: image-spec v1.1.1, layer.md, config.md#layer-diffid.
    """
    tar = write_tar(arrange(entries), opener_below(source_directory))
    blobs = os.path.join(output_directory, "blobs", "sha256")
    uncompressed, compressed, size = hashlib.sha256(), hashlib.sha256(), 0
    with new_file(blobs) as file:
        hashed = _hashed(blocks(tar), uncompressed)
        for piece in compress(hashed, compression, threads):
            compressed.update(piece)
            size += len(piece)
            file.write(piece)
        digest = Digest("sha256", compressed.hexdigest())
        file.commit(os.path.join(blobs, digest.hex))
    return Layer(
        Descriptor(compression.media_type, digest, size),
        Digest("sha256", uncompressed.hexdigest()),
        History(created_by),
    )


def opener_below(directory: str) -> FileOpener:
    """Make a function that opens the source of an entry below `directory`, with the size of the open file."""

    @contextmanager
    def open_file(entry: Entry) -> Iterator[tuple[int, BinaryIO]]:
        # As bytes, because the locale must not affect names.
        path = os.path.join(os.fsencode(directory), entry.source.encode())
        with explained(f'read "{entry.source}" for "/{entry.path}"'):
            try:
                stream = cast(BinaryIO, open(path, "rb", buffering=0))  # noqa: SIM115 - closed below
            except FileNotFoundError:
                raise NotFound(f'"{entry.source}", the source of "/{entry.path}", does not exist.') from None
            with stream:
                yield os.fstat(stream.fileno()).st_size, stream

    return open_file


def _hashed(stream: Iterable[bytes], hasher: Any) -> Iterator[bytes]:
    for chunk in stream:
        hasher.update(chunk)
        yield chunk

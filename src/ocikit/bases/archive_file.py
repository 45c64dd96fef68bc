"""Read the files of a tar, compressed or not, in any order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from typing import Any, BinaryIO, cast

from ocikit.atomic_file import explained
from ocikit.bases.archive_paths import MAX_MEMBERS, normal_path, resolved
from ocikit.errors import InvalidContent
from ocikit.layer.compression import decompress
from ocikit.layer.limits import DEFAULT_LIMITS, Expansion, Limits
from ocikit.layer.tar_reader import HARD_LINK, REGULAR, SYMBOLIC_LINK, TarError, read_members
from ocikit.spec.digest import CHUNK_SIZE

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LFS_POINTER = b"version https://git-lfs"
# The distribution specification asks registries to accept manifests of 4 MiB.
_MAX_DOCUMENT = 4 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveFile:
    """The files of a tar, by path, each with its offset and size in `stream`, and the links.

    `expansion`: the uncompressed size that the archive and its layers may still reach together.
    """

    stream: BinaryIO
    files: Mapping[str, tuple[int, int]]
    links: Mapping[str, str]
    expansion: Expansion

    def has(self, path: str) -> bool:
        return path in self.files or path in self.links

    def resolved(self, path: str) -> str:
        """The path of the file that `path` leads to; raises NotFound."""
        return resolved(path, self.files, self.links)

    def open(self, path: str) -> BinaryIO:
        """Open a file; raises NotFound."""
        return cast(BinaryIO, _Part(self.stream, *self.files[self.resolved(path)]))

    def read(self, path: str) -> bytes:
        """Read a document; raises NotFound, InvalidContent above 4 MiB."""
        _, size = self.files[self.resolved(path)]
        if size > _MAX_DOCUMENT:
            raise InvalidContent(
                f'the archive\'s "{path}" has {size} bytes; the limit of documents is {_MAX_DOCUMENT}.'
            )
        # An archive may name the same document thousands of times.
        self.expansion.expand(size)
        with self.open(path) as stream:
            data = stream.read()
        if len(data) < size:
            raise InvalidContent(f'the archive\'s "{path}" ends early: it changed while it was read.')
        return data

    def read_if_there(self, path: str) -> bytes | None:
        return self.read(path) if self.has(path) else None


@contextmanager
def open_archive(path: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[ArchiveFile]:
    """Open the archive `path`; raises InvalidContent if it is not an archive, OcikitError if reading fails."""
    with explained("read the archive"), open(path, "rb") as stream:
        expansion = Expansion(limits, os.fstat(stream.fileno()).st_size)
        with _uncompressed(stream, expansion) as plain:
            yield ArchiveFile(plain, *_members(plain), expansion)


def compression_of(stream: BinaryIO) -> str:
    """The compression of a file, detected by its first bytes: "gzip", "zstd" or "none"."""
    start = stream.read(4)
    stream.seek(0)
    return "gzip" if start.startswith(_GZIP) else "zstd" if start == _ZSTD else "none"


@contextmanager
def _uncompressed(stream: BinaryIO, expansion: Expansion) -> Iterator[BinaryIO]:
    kind = compression_of(stream)
    if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
        raise InvalidContent("it is a pointer of Git LFS: run `git lfs pull`.")
    stream.seek(0)
    if kind == "none":
        yield stream
        return
    # Layers are read in another order than that of the archive.
    with tempfile.TemporaryFile(dir=".") as plain:
        for chunk in decompress(iter(lambda: stream.read(CHUNK_SIZE), b""), kind, expansion):
            plain.write(chunk)
        plain.seek(0)
        yield cast(BinaryIO, plain)


def _members(stream: BinaryIO) -> tuple[Mapping[str, tuple[int, int]], Mapping[str, str]]:
    files: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    source = _FileSource(stream)
    try:
        for count, member in enumerate(read_members(source), 1):
            if count > MAX_MEMBERS:
                raise InvalidContent(
                    f"it has more than {MAX_MEMBERS} files, so it is not an image archive: `docker save` writes an "
                    "image, `docker export` a file system."
                )
            path = normal_path(member.name)
            if path in files or path in links:
                # Readers disagree on which of the two is valid.
                raise InvalidContent(f'it has the file "{path}" twice.')
            if member.kind == SYMBOLIC_LINK:
                links[path] = normal_path(member.link, path.rpartition("/")[0])
            elif member.kind == HARD_LINK:
                links[path] = normal_path(member.link)
            elif member.kind == REGULAR:
                files[path] = (source.position, member.size)
    except TarError as error:
        raise InvalidContent(f"it is not a tar, or it is damaged: {error}.") from None
    return files, links


class _FileSource:
    """A tar in a file; see `ocikit.layer.tar_reader.Source`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        self.position = stream.seek(0)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.position += len(data)
        return data

    def skip_to(self, position: int) -> None:
        if position > self._size:
            raise TarError("unexpected end of data")
        self.position = self._stream.seek(position)


class _Part(RawIOBase):
    """A file within a file."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size = stream, start, size
        self._read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        assert whence == os.SEEK_SET
        self._read = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._read)
        count = max(0, min(len(buffer), self._size - self._read))
        data = self._stream.read(count)
        buffer[: len(data)] = data
        self._read += len(data)
        return len(data)

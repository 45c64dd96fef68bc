"""A tar file, or a compressed one, whose files are read in any order."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from ocikit.archived.members import MAX_MEMBERS, normal_path, resolved
from ocikit.atomic_file import explained
from ocikit.digest import CHUNK_SIZE
from ocikit.errors import InvalidContent
from ocikit.layer.compress import decompress

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LFS_POINTER = b"version https://git-lfs"
# A document above this is none; the distribution specification asks registries for manifests of 4 MiB.
_MAX_DOCUMENT = 4 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveFile:
    """The files and links of a tar, by path. What is wrong with it is an InvalidContent."""

    tar: tarfile.TarFile
    files: Mapping[str, tarfile.TarInfo]
    links: Mapping[str, str]

    def has(self, path: str) -> bool:
        return path in self.files or path in self.links

    def resolved(self, path: str) -> str:
        """The path of the file that `path` leads to; raises NotFound."""
        return resolved(path, self.files, self.links)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Raises NotFound."""
        with self._opened(path) as (_, stream):
            yield stream

    def read(self, path: str) -> bytes:
        """A document. Raises NotFound."""
        with self._opened(path) as (size, stream):
            if size > _MAX_DOCUMENT:
                raise InvalidContent(f'the archive\'s "{path}" is no document: it has {size} bytes.')
            return stream.read()

    def read_if_there(self, path: str) -> bytes | None:
        return self.read(path) if self.has(path) else None

    @contextmanager
    def _opened(self, path: str) -> Iterator[tuple[int, BinaryIO]]:
        info = self.files[self.resolved(path)]
        with _read_as_tar(), cast(BinaryIO, self.tar.extractfile(info)) as stream:
            yield info.size, stream


@contextmanager
def open_archive(path: str) -> Iterator[ArchiveFile]:
    """Open the archive `path`; raises InvalidContent for what is none, OcikitError when reading fails."""
    with explained("read the archive"), open(path, "rb") as stream, _uncompressed(stream) as plain:
        with _read_as_tar():
            tar = tarfile.open(fileobj=plain, mode="r:", encoding="utf-8")  # noqa: SIM115 - closed below
        with tar:
            with _read_as_tar():
                files, links = _members(tar)
            yield ArchiveFile(tar, files, links)


def compression_of(stream: BinaryIO) -> str:
    """How a file is compressed, told by its first bytes: "gzip", "zstd" or "none"."""
    start = stream.read(4)
    stream.seek(0)
    return "gzip" if start.startswith(_GZIP) else "zstd" if start == _ZSTD else "none"


@contextmanager
def _uncompressed(stream: BinaryIO) -> Iterator[BinaryIO]:
    kind = compression_of(stream)
    if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
        raise InvalidContent("it is a pointer of Git LFS: run `git lfs pull`.")
    stream.seek(0)
    if kind == "none":
        yield stream
        return
    # Its layers are not in the order in which they are wanted.
    with tempfile.TemporaryFile(dir=".") as plain:
        for chunk in decompress(iter(lambda: stream.read(CHUNK_SIZE), b""), kind):
            plain.write(chunk)
        plain.seek(0)
        yield cast(BinaryIO, plain)


def _members(tar: tarfile.TarFile) -> tuple[Mapping[str, tarfile.TarInfo], Mapping[str, str]]:
    files: dict[str, tarfile.TarInfo] = {}
    links: dict[str, str] = {}
    for count, info in enumerate(tar, 1):
        if count > MAX_MEMBERS:
            raise InvalidContent(
                f"it has more than {MAX_MEMBERS} files, as file systems have and images do not: `docker save` writes "
                "an image, `docker export` a file system."
            )
        path = normal_path(info.name)
        if path in files or path in links:
            # Readers disagree on which of them counts.
            raise InvalidContent(f'it has the file "{path}" twice.')
        if info.issym():
            links[path] = normal_path(info.linkname, path.rpartition("/")[0])
        elif info.islnk():
            links[path] = normal_path(info.linkname)
        elif info.isfile():
            files[path] = info
    return files, links


@contextmanager
def _read_as_tar() -> Iterator[None]:
    """Damage makes `tarfile` fail in more ways than its own."""
    try:
        yield
    except (tarfile.TarError, ValueError, LookupError, OverflowError, EOFError) as error:
        raise InvalidContent(f"it is no tar, or damaged: {error}.") from None

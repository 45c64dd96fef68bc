"""A layer's tar becomes a list of its files."""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from io import BufferedReader, RawIOBase
from typing import Any, cast

from ocikit.errors import InvalidContent
from ocikit.layer.files import DIRECTORY, FILE, HARDLINK, OPAQUE, SPECIAL, SYMLINK, WHITEOUT, File

_CHUNK = 1024 * 1024
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# Other names of aufs, which engines leave out as well. Source: image-spec v1.1.1, layer.md#whiteouts.
_META = ".wh..wh."


def read_files(chunks: Iterable[bytes]) -> tuple[File, ...]:
    """Every file of an uncompressed tar, in its order; content is hashed and not kept.

    All of `chunks` is read, so that who verifies them on the way has seen all. Raises InvalidContent.
    """
    chunks = iter(chunks)
    found: dict[str, File] = {}
    try:
        with tarfile.open(fileobj=BufferedReader(cast(Any, _Stream(chunks)), _CHUNK), mode="r|") as tar:
            for member in tar:
                path = _path(member.name)
                file = _file(tar, member, path, found)
                if file:
                    # Not below the file's own path: a whiteout is no other state of what it is about.
                    found[path] = file
                # It would keep all of them.
                cast(Any, tar).members = []
    except tarfile.TarError as error:
        raise InvalidContent(f"not a layer's tar: {error}.") from None
    for _ in chunks:
        pass
    return tuple(found.values())


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, found: dict[str, File]) -> File | None:
    folder, _, name = path.rpartition("/")
    if name == _OPAQUE:
        return File(folder, OPAQUE)
    if not path or name.startswith(_META):
        return None
    if name.startswith(_WHITEOUT):
        return File(posixpath.join(folder, name[len(_WHITEOUT) :]), WHITEOUT)
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    if member.isdir():
        return File(path, DIRECTORY, mode, uid, gid)
    if member.issym():
        return File(path, SYMLINK, mode, uid, gid, target=_text(member.linkname))
    if member.islnk():
        target = _path(member.linkname)
        first = found.get(target, File(target, HARDLINK))
        return File(path, HARDLINK, mode, uid, gid, first.size, first.digest, target)
    if not member.isreg():
        return File(path, SPECIAL, mode, uid, gid, target=f"{member.devmajor}:{member.devminor}")
    return File(path, FILE, mode, uid, gid, member.size, _digest(tar, member))


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    hasher, stream = hashlib.sha256(), tar.extractfile(member)
    while stream and (chunk := stream.read(_CHUNK)):
        hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}"


def _path(name: str) -> str:
    return _text(posixpath.normpath(f"/{name}").lstrip("/"))


def _text(name: str) -> str:
    """A name that is not UTF-8 with its odd bytes written out: JSON cannot hold them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Stream(RawIOBase):
    """Chunks as the file that `tarfile` wants."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

"""Read the tar of a layer as a stream of its files."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator

from ocikit.errors import InvalidContent
from ocikit.layer import tar_reader
from ocikit.layer.contents import DIRECTORY, FILE, HARDLINK, OPAQUE, SPECIAL, SYMLINK, WHITEOUT, File
from ocikit.layer.limits import FileCount
from ocikit.layer.tar_reader import EmptyTar, Member, StreamSource, TarError, read_members

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# Other names of aufs, which engines skip as well. Source: image-spec v1.1.1, layer.md#whiteouts.
_META = ".wh..wh."


def read_files(chunks: Iterable[bytes], count: FileCount) -> Iterator[File]:
    """Yield every file of an uncompressed tar, in its order; content is hashed and not kept.

    A path may occur twice, and hard links have no size and digest: `ocikit.layer.contents.overlay` resolves both. All
    of `chunks` is read, so an iterator that verifies them sees all; until then the files are not verified. Raises
    InvalidContent, also above the limits of `count`.
    """
    chunks = iter(chunks)
    source = StreamSource(chunks)
    try:
        for member in read_members(source):
            file = _file(source, member)
            if file:
                count.add(file.path, file.target)
                yield file
            else:
                count.add("", "")
    except EmptyTar:
        return
    except TarError as error:
        raise InvalidContent(f"not a layer's tar: {error}.") from None
    for _ in chunks:
        pass


def _file(source: StreamSource, member: Member) -> File | None:
    path = _path(member.name)
    folder, _, name = path.rpartition("/")
    if name.startswith(_WHITEOUT):
        if name == _OPAQUE:
            return File(folder, OPAQUE)
        if name.startswith(_META):
            return None
        return File(posixpath.join(folder, name[len(_WHITEOUT) :]), WHITEOUT)
    if not path:
        return None
    mode, uid, gid, kind = member.mode, member.uid, member.gid, member.kind
    if kind == tar_reader.REGULAR:
        return File(path, FILE, mode, uid, gid, member.size, _digest(source.pieces(member.size)))
    if kind == tar_reader.DIRECTORY:
        return File(path, DIRECTORY, mode, uid, gid)
    if kind == tar_reader.SYMBOLIC_LINK:
        return File(path, SYMLINK, mode, uid, gid, target=_text(member.link))
    if kind == tar_reader.HARD_LINK:
        return File(path, HARDLINK, mode, uid, gid, target=_path(member.link))
    major, minor = member.device
    return File(path, SPECIAL, mode, uid, gid, target=f"{major}:{minor}")


def _digest(pieces: Iterable[memoryview]) -> str:
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def _path(name: str) -> str:
    return _text(posixpath.normpath(f"/{name}").lstrip("/"))


def _text(name: str) -> str:
    """A name with bytes that are not UTF-8 as escapes, because JSON cannot hold them."""
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

"""The files of layers, and of stacked layers.

Spec: image-spec v1.1.1, layer.md#whiteouts.
"""

from __future__ import annotations

import heapq
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, TypeVar, overload

from ocikit.errors import InvalidContent

__all__ = ["File", "FileChanges", "FileTree", "compare", "largest", "overlay"]

# Kinds of `File`: what is there, and what says that something of a lower layer is not.
FILE, DIRECTORY, SYMLINK, HARDLINK, SPECIAL = "file", "directory", "symlink", "hardlink", "special"
WHITEOUT, OPAQUE = "whiteout", "opaque"
_T = TypeVar("_T")
_KINDS = (FILE, DIRECTORY, SYMLINK, HARDLINK, SPECIAL, WHITEOUT, OPAQUE)


class File(NamedTuple):
    """An entry of a layer. `path` is relative to the root of the image: "etc/passwd".

    * `kind`: "file", "directory", "symlink", "hardlink", "special" (a device or a pipe), "whiteout" (hides `path` of
      lower layers) or "opaque" (hides everything in lower layers below the directory `path`).
    * `mode`: the permission bits.
    * `size`, `digest`: of a file; in bytes, and of the content. In a `FileTree`, a hard link has those of its target
      if both are in one layer.
    * `target`: of a link; of a device, "major:minor".

    Times are not kept.
    """

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    digest: str = ""
    target: str = ""

    def to_row(self) -> list[Any]:
        """A list of the fields in their order: compact JSON for layers with many files."""
        return list(self)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> File:
        """Read what `to_row` writes. Raises InvalidContent for another number of fields."""
        try:
            return cls(*row)
        except TypeError:
            raise InvalidContent(f"not a layer's file: {row!r}") from None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the fields that this kind of file has; `path` is absolute, `mode` is octal text."""
        document: dict[str, Any] = {
            "path": f"/{self.path}",
            "kind": self.kind,
            "mode": f"{self.mode:04o}",
            "owner": f"{self.uid}:{self.gid}",
        }
        if self.kind == FILE:
            document["size"] = self.size
        optional = {"digest": self.digest, "target": self.target}
        return {**document, **{key: text for key, text in optional.items() if text}}


class PackedFiles(Mapping[str, "tuple[int, File]"]):
    """Files by path, each with the number of its layer, in a third of the memory of objects.

    Images have hundreds of thousands of files.
    """

    # The number of the layer, kind, bytes of the digest, mode, owner, group, size; the digest and the target follow.
    _HEAD = struct.Struct("<HBBHqqQ")

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}

    def __getitem__(self, path: str) -> tuple[int, File]:
        row = self._rows[path]
        number, kind, length, mode, uid, gid, size = self._HEAD.unpack_from(row)
        end = self._HEAD.size + length
        raw = row[self._HEAD.size : end]
        digest = f"sha256:{raw.hex()}" if length == 32 else raw.decode()
        return number, File(path, _KINDS[kind], mode, uid, gid, size, digest, row[end:].decode())

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def put(self, number: int, file: File) -> None:
        path, kind, mode, uid, gid, size, digest, target = file
        raw = bytes.fromhex(digest[7:]) if len(digest) == 71 else digest.encode()
        head = self._HEAD.pack(number, _KINDS.index(kind), len(raw), mode, uid, gid, size)
        self._rows[path] = b"%b%b%b" % (head, raw, target.encode())

    def remove(self, path: str) -> None:
        del self._rows[path]


@dataclass(frozen=True)
class FileTree:
    """The files that stacked layers show.

    `files` maps a path to the number of its layer (the lowest is 0) and the file. `hidden` are the paths that whiteouts
    hide in unknown layers below these; "path/" stands for everything below it.
    """

    files: Mapping[str, tuple[int, File]]
    hidden: frozenset[str] = frozenset()


def overlay(layers: Iterable[Iterable[File]], *, whole: bool = True) -> FileTree:
    """Stack layers, the lowest first.

    If `whole` is false, there are unknown layers below these, and the result has `hidden` paths. If a layer has two
    entries for one path, the last one counts. Raises what the iteration of the layers raises. Spec: image-spec v1.1.1,
    layer.md#whiteouts.
    """
    files = PackedFiles()
    hidden: set[str] = set()
    for number, layer in enumerate(layers):
        _put(number, layer, files, hidden)
    return FileTree(files, frozenset() if whole else frozenset(hidden))


def largest(tree: FileTree, count: int) -> tuple[tuple[int, File], ...]:
    """The `count` largest files by bytes, the largest first, each with the number of its layer."""
    found = (item for item in tree.files.values() if item[1].kind == FILE)
    return tuple(heapq.nsmallest(count, found, key=lambda item: (-item[1].size, item[1].path)))


class Made(Sequence[_T]):
    """The results of `make` for each of `paths`, computed on access: two trees may differ in every file."""

    def __init__(self, paths: Sequence[str], make: Callable[[str], _T]) -> None:
        self._paths, self._make = paths, make

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> _T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | Sequence[_T]:
        if isinstance(index, slice):
            return Made(self._paths[index], self._make)
        return self._make(self._paths[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True)
class FileChanges:
    """How two trees differ, each part sorted by path. False if nothing differs. See `compare`.

    `changed` has pairs: the file before, the file after.
    """

    added: Sequence[File] = ()
    removed: Sequence[File] = ()
    changed: Sequence[tuple[File, File]] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(before: FileTree, after: FileTree) -> FileChanges:
    """The files that were added, removed and changed. The numbers of layers are not compared.

    A path that only one of the trees hides is a whiteout: among the added files if only `before` hides it, among the
    removed files if only `after` does.
    """
    old, new = before.files, after.files
    return FileChanges(
        _only(after, before, before.hidden - after.hidden),
        _only(before, after, after.hidden - before.hidden),
        Made(
            sorted(path for path in old if path in new and old[path][1] != new[path][1]),
            lambda path: (old[path][1], new[path][1]),
        ),
    )


def _put(number: int, layer: Iterable[File], files: PackedFiles, hidden: set[str]) -> None:
    """Put a layer on those below it, whose files have lower numbers."""
    gone: set[str] = set()
    emptied: set[str] = set()
    # Paths of lower layers that this layer replaces, and whether they were directories there.
    replaced: dict[str, bool] = {}
    for file in layer:
        if file.kind == WHITEOUT:
            gone.add(file.path)
        elif file.kind == OPAQUE:
            emptied.add(file.path)
        else:
            lower = files.get(file.path)
            if lower and lower[0] < number:
                replaced[file.path] = lower[1].kind == DIRECTORY
            files.put(number, _linked(file, number, files) if file.kind == HARDLINK else file)
    hidden.update(f"{path}/" for path in emptied)
    hidden.update(path for path in gone if path not in replaced and not _is_lower(path, number, files))
    emptied.update(path for path, was in replaced.items() if was and files[path][1].kind != DIRECTORY)
    for path in [path for path in gone if _is_lower(path, number, files)]:
        files.remove(path)
    for path in _below(gone | emptied, files):
        if _is_lower(path, number, files):
            files.remove(path)


def _linked(link: File, number: int, files: PackedFiles) -> File:
    first = files.get(link.target)
    if first is None or first[0] != number:
        return link
    return link._replace(size=first[1].size, digest=first[1].digest)


def _is_lower(path: str, number: int, files: PackedFiles) -> bool:
    return path in files and files[path][0] < number


def _below(folders: set[str], files: Iterable[str]) -> Iterator[str]:
    """Yield the paths below one of `folders`, each once; the caller may remove them meanwhile.

    The paths of a folder are neighbours in sorted order: checking every parent of every path could take hours.
    """
    if not folders:
        return
    paths = sorted(files)
    if "" in folders:
        yield from paths
        return
    done = 0
    for folder in sorted(folders, key=lambda path: f"{path}/"):
        start = max(done, bisect_left(paths, f"{folder}/"))
        # "0" is the character after "/".
        done = max(done, bisect_left(paths, f"{folder}0"))
        yield from paths[start:done]


def _only(one: FileTree, other: FileTree, whiteouts: Iterable[str]) -> Sequence[File]:
    """The files that only `one` has, and `whiteouts` of paths that neither has."""
    files = one.files
    paths = [path for path in files if path not in other.files]
    paths += (path for path in whiteouts if path not in files and path not in other.files)
    return Made(sorted(paths), lambda path: files[path][1] if path in files else File(path, WHITEOUT))

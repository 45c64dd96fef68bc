"""Files of layers, and of layers on top of each other.

Spec: image-spec v1.1.1, layer.md#whiteouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from ocikit.errors import InvalidContent

# Kinds of `File`: what is there, and what says that something of a lower layer is not.
FILE, DIRECTORY, SYMLINK, HARDLINK, SPECIAL = "file", "directory", "symlink", "hardlink", "special"
WHITEOUT, OPAQUE = "whiteout", "opaque"


@dataclass(frozen=True)
class File:
    """What a layer has at `path`, which is relative to the image's root. Times are left out.

    `size` (bytes) and `digest` (of the content) are a file's; `target` is a link's. A hard link has size and digest of
    what it is another name of, where the same layer has that. A whiteout hides the path, an opaque directory everything
    below it, of all lower layers.
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
        """For the JSON of a sandbox: layers have many thousands of files."""
        return list(astuple(self))

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> File:
        try:
            return cls(*row)
        except TypeError:
            raise InvalidContent(f"not a layer's file: {row!r}") from None

    def to_json(self) -> dict[str, Any]:
        """For people: what this kind of file has."""
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


@dataclass(frozen=True)
class FileTree:
    """What layers on top of each other show.

    `files` by path, each with the number of its layer, the lowest being 0. `hidden`: paths that whiteouts hide though
    none of these layers has them, so that they are of layers below these; "path/" stands for all that is below it.
    """

    files: Mapping[str, tuple[int, File]]
    hidden: frozenset[str] = frozenset()


def overlay(layers: Iterable[Iterable[File]], *, whole: bool = True) -> FileTree:
    """Put layers, the lowest first, on top of each other. Not `whole`: others are below these, and unknown."""
    files: dict[str, tuple[int, File]] = {}
    hidden: set[str] = set()
    for number, layer in enumerate(layers):
        entries = tuple(layer)
        _remove(entries, files, hidden)
        files.update((file.path, (number, file)) for file in entries if file.kind not in (WHITEOUT, OPAQUE))
    return FileTree(files, frozenset() if whole else frozenset(hidden))


def largest(tree: FileTree, count: int) -> tuple[tuple[int, File], ...]:
    """The `count` largest files, the largest first, each with the number of its layer."""
    found = (item for item in tree.files.values() if item[1].kind == FILE)
    return tuple(sorted(found, key=lambda item: (-item[1].size, item[1].path))[:count])


@dataclass(frozen=True)
class FileChanges:
    """How two trees differ; `changed` has what was there and what is there now. `removed`, `added`: see `compare`."""

    added: tuple[File, ...] = ()
    removed: tuple[File, ...] = ()
    changed: tuple[tuple[File, File], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(before: FileTree, after: FileTree) -> FileChanges:
    """What became of files. What only one of the trees hides is a whiteout among the removed or the added."""
    old, new = before.files, after.files
    return FileChanges(
        (*_only(new, old), *_whiteouts(before.hidden - after.hidden, old, new)),
        (*_only(old, new), *_whiteouts(after.hidden - before.hidden, old, new)),
        tuple((old[path][1], new[path][1]) for path in sorted(old.keys() & new.keys()) if old[path][1] != new[path][1]),
    )


def _remove(entries: Iterable[File], files: dict[str, tuple[int, File]], hidden: set[str]) -> None:
    """Take away what a layer hides of the layers below it."""
    gone, emptied = set(), set()
    for file in entries:
        if file.kind == WHITEOUT:
            gone.add(file.path)
        elif file.kind == OPAQUE or (file.kind != DIRECTORY and _is_directory(files, file.path)):
            emptied.add(file.path)
    if not gone and not emptied:
        return
    hidden.update(path for path in gone if path not in files)
    hidden.update(f"{file.path}/" for file in entries if file.kind == OPAQUE)
    for path in [path for path in files if path in gone or any(p in gone or p in emptied for p in _parents(path))]:
        del files[path]


def _is_directory(files: Mapping[str, tuple[int, File]], path: str) -> bool:
    return path in files and files[path][1].kind == DIRECTORY


def _parents(path: str) -> Iterable[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield ""


def _only(one: Mapping[str, tuple[int, File]], other: Mapping[str, tuple[int, File]]) -> Iterable[File]:
    return (one[path][1] for path in sorted(one.keys() - other.keys()))


def _whiteouts(paths: Iterable[str], *trees: Mapping[str, tuple[int, File]]) -> Iterable[File]:
    return (File(path, WHITEOUT) for path in sorted(paths) if not any(path in tree for tree in trees))

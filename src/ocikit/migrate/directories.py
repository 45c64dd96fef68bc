"""The directories of an image, with modes and owners, as Docker or as layers make them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ocikit.layer.entry import WELL_KNOWN_MODES, Entry
from ocikit.layer.placement import SYSTEM_DIRECTORIES, Owner
from ocikit.migrate.dockerignore import parents_of

ROOT = Owner(0, 0)


@dataclass(frozen=True)
class DirectoryState:
    """The mode and owner of a directory; `why`: the instruction that made it."""

    mode: int
    owner: Owner
    why: str = ""

    def same(self, other: DirectoryState | None) -> bool:
        return other is not None and (self.mode, self.owner) == (other.mode, other.owner)


class ImageTree:
    """The directories of an image, by path relative to its root.

    On a base, those that every base has exist; its others are not known.
    """

    def __init__(self, *, on_base: bool) -> None:
        self.directories: dict[str, DirectoryState] = {}
        if on_base:
            for path in SYSTEM_DIRECTORIES:
                self.directories[path] = DirectoryState(WELL_KNOWN_MODES.get(path, 0o755), ROOT)

    def has(self, path: str) -> bool:
        return not path.strip("/") or path.strip("/") in self.directories

    def make(self, path: str, owner: Owner, why: str) -> None:
        """Make a directory and its parents unless they exist, as `mkdir -p` does."""
        path = path.strip("/")
        for missing in (*parents_of(path), path):
            if missing and missing not in self.directories:
                self.directories[missing] = DirectoryState(0o755, owner, why)

    def replace(self, path: str, owner: Owner, mode: int, why: str) -> None:
        """Set the state of a copied directory, whether it exists or not."""
        self.directories[path.strip("/")] = DirectoryState(mode, owner, why)

    def add(self, entries: Iterable[Entry]) -> None:
        """Put a layer on top."""
        for entry in entries:
            if entry.kind == "directory":
                self.directories[entry.path] = DirectoryState(entry.mode, Owner(entry.uid, entry.gid))

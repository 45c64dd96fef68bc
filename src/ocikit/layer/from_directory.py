"""A directory on disk as the contents of a layer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ocikit.atomic_file import explained
from ocikit.errors import InvalidInput
from ocikit.layer.placement import Source


def sources_in(directory: str) -> list[Source]:
    """List everything in `directory`: files, directories (also empty ones) and symlinks, which are not followed.

    Only the owner's executable bit is kept; other modes, owners and times are ignored. Raises
    InvalidInput for other kinds of files, OcikitError if something cannot be read.
    """
    with explained(f'read "{directory}"'):
        return sorted(_walk(directory), key=lambda source: source.path)


def _walk(root: str) -> Iterator[Source]:
    # No recursion: Linux allows two thousand levels in a path, Python half of that.
    folders = [""]
    while folders:
        below = folders.pop()
        with os.scandir(os.path.join(root, below)) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                yield _source(entry, path)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)


def _source(entry: os.DirEntry[str], path: str) -> Source:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return Source(path, entry.path, "symlink", target=os.readlink(entry.path))
    if stat.S_ISDIR(mode):
        return Source(path, entry.path, "directory")
    if stat.S_ISREG(mode):
        return Source(path, entry.path, "file", executable=bool(mode & stat.S_IXUSR))
    raise InvalidInput(f'"{entry.path}" is not a file, directory or symlink and cannot be in a layer; leave it out.')

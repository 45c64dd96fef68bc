"""Read the build context that Docker would see, as far as Pants sees it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from ocikit import program
from ocikit.atomic_file import without_waiting
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.layer import tar_reader
from ocikit.layer.compression import decompress
from ocikit.layer.limits import Expansion, FileCount, LimitExceeded, Limits
from ocikit.layer.tar_reader import Member, StreamSource, read_members
from ocikit.migrate.build_context import DIRECTORY, FILE, SYMLINK, Archive, Context, ContextFile
from ocikit.migrate.dockerignore import Ignore
from ocikit.migrate.layer_targets import unpackable
from ocikit.spec.digest import CHUNK_SIZE

# Pants's own defaults of `[GLOBAL].pants_ignore`, besides folders whose names begin with a dot.
_IGNORED_FOLDERS = ("__pycache__",)
_DISTDIR = "dist"
_GIT_SECONDS = 60.0
_PLAIN_MODES = (0o644, 0o755)
_GROUP_AND_OTHERS_WRITE = 0o022
# The compressions that Docker unpacks, by their first bytes.
_COMPRESSIONS: Mapping[bytes, str] = MappingProxyType({b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"})
# An archive next to a Dockerfile has fewer files than an image.
_LIMITS = Limits(files=100_000)


def build_root_of(folder: Path) -> Path | None:
    """The nearest folder from `folder` upwards that has a pants.toml."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / "pants.toml").is_file()), None)


def read_context(folder: Path, root: Path, build_folder: Path, *, dockerfile: Path | None) -> Context:
    """Read a build context. Raises InvalidInput if `folder` is missing or not below `root`."""
    if not folder.is_dir():
        raise InvalidInput(f'"{folder}" is not a directory; set --context to the one that COPY copies from.')
    seen, unseen = _walk(folder, root)
    return Context(
        root=_relative(folder, root),
        folder=_relative(build_folder, root),
        everything=seen,
        ignore=_ignore(folder, dockerfile),
        unseen=tuple(unseen),
        archive=lambda path: read_archive(folder / path),
    )


def read_archive(path: Path) -> Archive | None:
    """List the files of a tar; None if the file is not a tar, or has a compression that Docker does not know.

    Raises InvalidInput if the archive is too large.
    """
    if not unpackable(path.name):
        return None
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            members = _members(stream)
    except LimitExceeded:
        raise InvalidInput(f'"{path}" is too large to read as an archive; unpack it and copy the directory.') from None
    except (InvalidContent, OSError):
        return None
    kinds = {tar_reader.DIRECTORY: DIRECTORY, tar_reader.SYMBOLIC_LINK: SYMLINK}
    files = tuple(
        ContextFile(name, kind, member.mode, member.link if kind == SYMLINK else "")
        for member in members
        if (name := os.path.normpath(member.name).lstrip("/")) not in ("", ".")
        for kind in (kinds.get(member.kind, FILE),)
    )
    return Archive(
        files,
        frozenset(f"{member.uid}:{member.gid}" for member in members),
        tuple(f.path for f in files if f.kind == FILE and f.mode & ~_GROUP_AND_OTHERS_WRITE not in _PLAIN_MODES),
    )


def _members(stream: BinaryIO) -> list[Member]:
    start = stream.read(6)
    stream.seek(0)
    kind = next((kind for magic, kind in _COMPRESSIONS.items() if start.startswith(magic)), "none")
    count = FileCount(_LIMITS)
    members = []
    chunks: Iterator[bytes] = iter(lambda: stream.read(CHUNK_SIZE), b"")
    for member in read_members(StreamSource(decompress(chunks, kind, Expansion(_LIMITS)))):
        count.add(member.name, member.link)
        members.append(member)
    return members


def _ignore(folder: Path, dockerfile: Path | None) -> Ignore:
    """Read the ignore file next to the Dockerfile, or else that of the context."""
    own = [dockerfile.with_name(f"{dockerfile.name}.dockerignore")] if dockerfile else []
    for path in (*own, folder / ".dockerignore"):
        if path.is_file():
            return Ignore.parse(path.read_text(encoding="utf-8", errors="replace"))
    return Ignore()


def _walk(folder: Path, root: Path) -> tuple[dict[str, ContextFile], list[str]]:
    seen: dict[str, ContextFile] = {}
    unseen = _ignored_by_git(folder)
    hidden = set(unseen)
    # Resolved once: resolving each folder takes quadratic time in its depth.
    dist = _relative_or_none(root.resolve() / _DISTDIR, folder.resolve())
    # Not `os.walk`, which recurses before Python 3.12: Linux allows two thousand levels in a path.
    folders = [""]
    while folders:
        here = folders.pop()
        front = f"{here}/" if here else ""
        for name in _names(folder / here):
            path = f"{front}{name}"
            status = os.lstat(folder / path)
            is_folder = stat.S_ISDIR(status.st_mode)
            if not _is_utf_8(name) or not (is_folder or stat.S_ISLNK(status.st_mode) or stat.S_ISREG(status.st_mode)):
                # Pants supports neither such names nor such files.
                unseen.append(os.fsencode(path).decode("utf-8", "backslashreplace"))
                hidden.add(path)
            elif path in hidden or (is_folder and (path == dist or _is_ignored(name))):
                if path not in hidden:
                    unseen.append(path)
                hidden.add(path)
            elif is_folder:
                seen[path] = ContextFile(path, DIRECTORY, stat.S_IMODE(status.st_mode))
                folders.append(path)
            elif stat.S_ISLNK(status.st_mode):
                seen[path] = ContextFile(path, SYMLINK, 0o777, os.readlink(folder / path))
            else:
                seen[path] = ContextFile(path, FILE, stat.S_IMODE(status.st_mode))
    return seen, unseen


def _names(folder: Path) -> list[str]:
    """The names in a folder; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _is_utf_8(name: str) -> bool:
    """Whether a name is UTF-8; other bytes are lone surrogates in it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name in _IGNORED_FOLDERS


def _relative_or_none(path: Path, folder: Path) -> str | None:
    return str(path.relative_to(folder)) if folder in path.parents else None


def _ignored_by_git(folder: Path) -> list[str]:
    """Ignored files and folders, relative to `folder`; none without Git, or outside of a repository."""
    command = ("git", "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    try:
        found = program.run(command, folder=folder, seconds=_GIT_SECONDS)
    except (OSError, program.Unfinished):
        return []
    return [os.fsdecode(name).rstrip("/") for name in found.stdout.split(b"\0") if name] if not found.returncode else []


def _relative(folder: Path, root: Path) -> str:
    relative = os.path.relpath(folder.resolve(), root.resolve())
    if relative.split(os.sep)[0] == os.pardir:
        raise InvalidInput(f'"{folder}" is not below the build root "{root}".')
    return "" if relative == os.curdir else relative

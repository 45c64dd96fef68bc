"""The placement of sources from the build graph in an image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ocikit.errors import InvalidInput
from ocikit.layer.entry import MAX_ID, WELL_KNOWN_MODES, Entry, arrange
from ocikit.whole_number import whole_number

# Directories of every base: if one is only a parent of others, it stays as the base has it.
SYSTEM_DIRECTORIES = frozenset((
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv",
    "sys", "tmp", "usr", "usr/bin", "usr/lib", "usr/lib64", "usr/libexec", "usr/local", "usr/local/bin",
    "usr/local/lib", "usr/local/share", "usr/sbin", "usr/share", "var", "var/cache", "var/lib", "var/log", "var/run",
    "var/spool", "var/tmp",
))  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file, directory or symbolic link to place in an image.

    `path` is where it is in the source directory: "src/app/main.py". `origin` says where it comes from, for messages.
    `kind` is "file", "directory" or "symlink"; a link has a `target`. `content` is any text that is equal if the bytes
    are, such as a digest. Two sources at one path are an error, unless they differ in `path` and `origin` only.
    """

    path: str
    origin: str
    kind: str = "file"
    executable: bool = False
    content: str = ""
    target: str = ""


@dataclass(frozen=True)
class Owner:
    """The numeric user and group of files, each from 0 to 2**32 - 2."""

    uid: int
    gid: int

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read "1000:1000", or "1000" for both, as COPY --chown of Docker does. Raises InvalidInput, also for names."""
        uid, colon, gid = text.partition(":")
        if not colon:
            gid = uid
        owner, group = whole_number(uid), whole_number(gid)
        if owner is None or group is None:
            raise InvalidInput(
                f'"{text}" is not an owner: expected numbers, such as "1000:1000". A name has a '
                "number only in the base's /etc/passwd and /etc/group, which are not read."
            )
        if max(owner, group) > MAX_ID:
            raise InvalidInput(f'"{text}" is not an owner: the largest number is {MAX_ID}.')
        return cls(owner, group)

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def parse_mode(text: str) -> int:
    """Read permissions as three or four octal digits: "644", "0755", "1777". Raises InvalidInput."""
    if not re.fullmatch("[0-7]{3,4}", text):
        raise InvalidInput(f'"{text}" is not a mode: expected three or four octal digits, as in "0644".')
    return int(text, 8)


@dataclass(frozen=True)
class Placement:
    """Where `place` puts sources, and with which owner and modes.

    `directory` is an absolute path in the image. `strip_prefix` is removed from the path of every source. Then `rename`
    maps paths of files to other paths, both relative to `directory`. `owner` owns `directory` and everything below it.
    `file_mode` is for all files (None: 0755 for executable files, else 0644), `directory_mode` for all directories
    (None: 0755). `symlinks` maps the path of a link to its text; the path is absolute or relative to `directory`.
    """

    directory: str = "/"
    strip_prefix: str = ""
    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    owner: Owner = Owner(0, 0)
    file_mode: int | None = None
    directory_mode: int | None = None
    symlinks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


def place(sources: Iterable[Source], placement: Placement) -> tuple[Entry, ...]:
    """Give every source its path, mode and owner in the image. The result is arranged, see `arrange`.

    Pure. The parents of `directory`, and directories of every base such as /etc, stay root's. Raises InvalidInput with
    path and origin for a source outside `strip_prefix`, for a path in `rename` that no source has, and for two
    different sources at one path.
    """
    root = _absolute(placement.directory)
    placed: dict[str, Source] = {}
    for path, source in _renamed(_stripped(sources, placement.strip_prefix), placement.rename):
        _put(placed, "/".join((*root, *_parts(path))), source)
    check_links(placement.symlinks)
    for link, target in sorted(placement.symlinks.items()):
        path = "/".join(_parts(link) if link.startswith("/") else (*root, *_parts(link)))
        _put(placed, path, Source(link, "`symlinks`", "symlink", target=target))
    entries = [_entry(path, source, placement, root) for path, source in placed.items()]
    return arrange((*entries, *_directories(placed, placement, root)))


def check_prefix(prefix: str) -> None:
    """Raise InvalidInput unless `prefix` is what `Placement.strip_prefix` may be."""
    if prefix.startswith("/"):
        raise InvalidInput(f'the prefix "{prefix}" must be relative: "{prefix.lstrip("/")}".')
    _parts(prefix)


def check_renames(renames: Mapping[str, str]) -> None:
    """Raise InvalidInput unless `renames` is what `Placement.rename` may be."""
    for old, new in renames.items():
        if old.startswith("/") or new.startswith("/") or not _parts(old) or not _parts(new):
            raise InvalidInput(f'"{old}" cannot be renamed to "{new}": expected two paths relative to the directory.')


def check_links(symlinks: Mapping[str, str]) -> None:
    """Raise InvalidInput unless `symlinks` is what `Placement.symlinks` may be."""
    for link, target in symlinks.items():
        if not _parts(link) or not target:
            raise InvalidInput(f'the symbolic link "{link}" to "{target}": expected a path and a target.')


def _stripped(sources: Iterable[Source], prefix: str) -> list[tuple[str, Source]]:
    """Each source with its path below `prefix`."""
    check_prefix(prefix)
    prefix_parts = _parts(prefix)
    stripped = []
    for source in sources:
        parts = _parts(source.path)
        if source.kind == "directory" and prefix_parts[: len(parts)] == parts:
            continue
        if parts[: len(prefix_parts)] != prefix_parts or len(parts) == len(prefix_parts):
            raise InvalidInput(
                f'the prefix "{prefix}" cannot be stripped: "{source.path}" of {source.origin} is not below it.'
            )
        stripped.append(("/".join(parts[len(prefix_parts) :]), source))
    if prefix_parts and not stripped:
        raise InvalidInput(f'the prefix "{prefix}" cannot be stripped: no file is below it.')
    return stripped


def _renamed(stripped: list[tuple[str, Source]], renames: Mapping[str, str]) -> list[tuple[str, Source]]:
    """Each source with its new path."""
    check_renames(renames)
    new_paths = {"/".join(_parts(old)): new for old, new in renames.items()}
    missing = sorted(new_paths.keys() - {path for path, source in stripped if source.kind != "directory"})
    if missing:
        available = ", ".join(f'"{path}"' for path, _ in stripped[:5]) or "none"
        raise InvalidInput(f'"{missing[0]}" cannot be renamed: there is no such file; available: {available}.')
    return [(new_paths.get(path, path), source) for path, source in stripped]


def _put(placed: dict[str, Source], path: str, source: Source) -> None:
    other = placed.setdefault(path, source)
    if _content(other) != _content(source):
        raise InvalidInput(f'two files at one path: "/{path}" comes from {other.origin} and from {source.origin}.')


def _content(source: Source) -> tuple[str, bool, str, str]:
    return (source.kind, source.executable, source.content, source.target)


def _entry(path: str, source: Source, placement: Placement, root: list[str]) -> Entry:
    if source.kind == "directory":
        return _directory(path, placement, root)
    owner = placement.owner
    if source.kind == "symlink":
        return Entry(path, "symlink", 0o777, owner.uid, owner.gid, target=source.target)
    mode = placement.file_mode
    if mode is None:
        mode = 0o755 if source.executable else 0o644
    return Entry(path, source.kind, mode, owner.uid, owner.gid, source=source.path)


def _directories(placed: Mapping[str, Source], placement: Placement, root: list[str]) -> list[Entry]:
    """`directory` itself and all directories between it and the placed sources."""
    paths = {"/".join(root)}
    for path in placed:
        parts = path.split("/")
        if parts[: len(root)] == root:
            paths.update("/".join(parts[:end]) for end in range(len(root), len(parts)))
    return [_directory(path, placement, root) for path in paths if path and path not in placed]


def _directory(path: str, placement: Placement, root: list[str]) -> Entry:
    owner, mode = placement.owner, placement.directory_mode
    if path in SYSTEM_DIRECTORIES and path != "/".join(root):
        owner, mode = Owner(0, 0), None
    if mode is None:
        mode = WELL_KNOWN_MODES.get(path, 0o755)
    return Entry(path, "directory", mode, owner.uid, owner.gid)


def _absolute(path: str) -> list[str]:
    if not path.startswith("/"):
        raise InvalidInput(f'"{path}" is not a place in an image: expected an absolute path, "/{path}".')
    return _parts(path)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidInput(f'"{path}" must not contain ".."; write the resolved path.')
    return parts

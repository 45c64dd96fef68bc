"""Files that Pants silently leaves out of what globs match, because it can neither name nor store them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ocikit.migrate.dockerignore import has_wildcard, matches

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def unseen_files(root: str, spec_path: str, globs: Sequence[str], folders: Iterable[str]) -> tuple[str, ...]:
    """Files that `globs` match and Pants does not see, each with its path and the reason.

    `globs` are relative to `spec_path`; paths and `folders` are relative to the build root. Files that Git ignores are
    left out. Only `folders`, their parents up to `spec_path`, and the folders where globs begin are searched: the rest
    of the repository may be large.
    """
    included = [glob for glob in globs if not glob.startswith("!")]
    excluded = [glob[1:] for glob in globs if glob.startswith("!")]
    places = {_beginning(spec_path, glob) for glob in included}
    for folder in folders:
        place = folder
        while place not in places and f"{place}/".startswith(f"{spec_path}/" if spec_path else ""):
            places.add(place)
            place = os.path.dirname(place)
    found: dict[str, str] = {}
    for place in sorted(places):
        for name, reason in _special(os.path.join(root, place)):
            path = os.path.relpath(os.path.join(place, name), spec_path or os.curdir)
            if any(matches(glob, path) for glob in included) and not any(matches(glob, path) for glob in excluded):
                found[os.path.join(place, name)] = reason
    ignored = _ignored_by_git(root, found) if found else ()
    return tuple(f'"{_printable(path)}" is {reason}' for path, reason in found.items() if path not in ignored)


def _beginning(spec_path: str, glob: str) -> str:
    """The folder of a glob, up to its first wildcard."""
    parts = glob.split("/")[:-1]
    plain = [part for number, part in enumerate(parts) if not any(map(has_wildcard, parts[: number + 1]))]
    return os.path.join(spec_path, *plain).rstrip("/")


def _special(folder: str) -> Iterator[tuple[str, str]]:
    with suppress(OSError), os.scandir(os.fsencode(folder) or b".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = os.fsdecode(entry.name)
            if not _is_utf_8(entry.name):
                yield name, "not UTF-8"
            elif entry.is_symlink():
                if not _is_utf_8(os.readlink(entry.path)):
                    yield name, "a link whose target is not UTF-8"
            elif not entry.is_file() and not entry.is_dir():
                mode = entry.stat(follow_symlinks=False).st_mode
                yield name, next((kind for is_kind, kind in _KINDS if is_kind(mode)), "not a file")


def _ignored_by_git(root: str, paths: Iterable[str]) -> frozenset[str]:
    """The `paths` that Git ignores; none without a repository or without Git."""
    command = ("git", "-C", root, "check-ignore", "-z", "--stdin")
    try:
        done = subprocess.run(command, input=b"\0".join(map(os.fsencode, paths)), capture_output=True, check=False)
    except OSError:
        return frozenset()
    return frozenset(os.fsdecode(path) for path in done.stdout.split(b"\0"))


def _printable(path: str) -> str:
    """The path with bytes that are not UTF-8 as "\\xff"."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

"""Files that Pants leaves out of what globs match, and says nothing: it can neither name nor keep them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ocikit.moving.ignore import has_wildcard, matches

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def unseen_files(root: str, spec_path: str, globs: Sequence[str], folders: Iterable[str]) -> tuple[str, ...]:
    """What `globs`, which are relative to `spec_path`, match and Pants does not see: path and reason of each.

    What Git ignores is meant to be left out. Only `folders` are looked into, those above them up to `spec_path`, and
    where globs begin; paths are relative to the build root, as `folders` are. Everything else would be a walk through
    whatever lies in a repository.
    """
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]
    places = {_beginning(spec_path, glob) for glob in wanted}
    for folder in folders:
        place = folder
        while place not in places and f"{place}/".startswith(f"{spec_path}/" if spec_path else ""):
            places.add(place)
            place = os.path.dirname(place)
    found: dict[str, str] = {}
    for place in sorted(places):
        for name, reason in _special(os.path.join(root, place)):
            path = os.path.relpath(os.path.join(place, name), spec_path or os.curdir)
            if any(matches(glob, path) for glob in wanted) and not any(matches(glob, path) for glob in unwanted):
                found[os.path.join(place, name)] = reason
    ignored = _ignored_by_git(root, found) if found else ()
    return tuple(f'"{_printable(path)}" is {reason}' for path, reason in found.items() if path not in ignored)


def _beginning(spec_path: str, glob: str) -> str:
    """The folder up to which a glob has no wildcard."""
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
                    yield name, "a link to what is not UTF-8"
            elif not entry.is_file() and not entry.is_dir():
                mode = entry.stat(follow_symlinks=False).st_mode
                yield name, next((kind for is_kind, kind in _KINDS if is_kind(mode)), "not a file")


def _ignored_by_git(root: str, paths: Iterable[str]) -> frozenset[str]:
    """Those of `paths` that it ignores; none where this is no repository, or no Git is here."""
    command = ("git", "-C", root, "check-ignore", "-z", "--stdin")
    try:
        done = subprocess.run(command, input=b"\0".join(map(os.fsencode, paths)), capture_output=True, check=False)
    except OSError:
        return frozenset()
    return frozenset(os.fsdecode(path) for path in done.stdout.split(b"\0"))


def _printable(path: str) -> str:
    """With the bytes that are not UTF-8 as "\\xff"."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

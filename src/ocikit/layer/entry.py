"""The entries of a layer: files, directories and symbolic links, in the order of the tar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput

KINDS = ("file", "directory", "symlink")
# The most links that Linux follows in one path before ELOOP: path_resolution(7).
MAX_LINKS = 40
MAX_ID = 2**32 - 2
# A layer's entry for a directory replaces the base's, so a parent that was added implicitly must
# have the mode that it has in every base.
WELL_KNOWN_MODES: Mapping[str, int] = MappingProxyType({"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700})
# image-spec v1.1.1, layer.md#whiteouts.
_WHITEOUT_PREFIX = ".wh."
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Entry:
    """One entry of a layer. Raises InvalidInput for an entry that no layer can hold.

    `path` is relative to the root of the image: "app/main.py". `kind` is "file", "directory" or "symlink". `mode` has
    the permission bits: 0 to 0o7777. `uid` and `gid` are from 0 to 2**32 - 2. A file has a `source`, the path of its
    bytes below the directory that `build_layer` reads. A symbolic link has a `target`, its text.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    source: str = ""
    target: str = ""

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.kind not in KINDS:
            raise InvalidInput(f'"{self.kind}" is not a kind of entry; valid values: {", ".join(KINDS)}.')
        if not 0 <= self.mode <= 0o7777:
            raise InvalidInput(f'"/{self.path}" has the mode {self.mode:o}; expected 0 to 7777.')
        for name, number in (("uid", self.uid), ("gid", self.gid)):
            if not 0 <= number <= MAX_ID:
                raise InvalidInput(f'"/{self.path}" has the {name} {number}; expected 0 to {MAX_ID}.')
        if bool(self.source) != (self.kind == "file"):
            raise InvalidInput(f'"/{self.path}" is a {self.kind}: files need a source, others must not have one.')
        if bool(self.target) != (self.kind == "symlink"):
            raise InvalidInput(f'"/{self.path}" is a {self.kind}: symlinks need a target, others must not have one.')
        _check_text(self.target, "link target")

    def __str__(self) -> str:
        """For messages: the path and everything that makes this entry differ from another."""
        detail = f' from "{self.source}"' if self.source else ""
        detail += f' to "{self.target}"' if self.target else ""
        return f'"/{self.path}" ({self.kind}{detail}, {self.mode:04o}, {self.uid}:{self.gid})'

    def to_json(self) -> dict[str, Any]:
        """A JSON object. `mode` is octal text; `source` and `target` are left out if they are empty."""
        document: dict[str, Any] = {
            "path": self.path,
            "kind": self.kind,
            "mode": f"{self.mode:04o}",
            "uid": self.uid,
            "gid": self.gid,
        }
        optional = {"source": self.source, "target": self.target}
        return {**document, **{key: text for key, text in optional.items() if text}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Entry:
        """Read what `to_json` writes; raises InvalidContent."""
        try:
            return cls(
                str(document["path"]),
                str(document["kind"]),
                int(document["mode"], 8),
                int(document["uid"]),
                int(document["gid"]),
                str(document.get("source", "")),
                str(document.get("target", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
            raise InvalidContent(f"not a layer entry ({error!r}): {document!r}") from None


def check_path(path: str) -> None:
    """Raise InvalidInput unless `path` is a path that `Entry` may have."""
    _check_text(path, "path")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise InvalidInput(
                f'"{path}" is not a path in an image: expected one relative to the root without '
                f'empty parts, "." and "..", such as "app/main.py".'
            )
        if part.startswith(_WHITEOUT_PREFIX):
            raise InvalidInput(
                f'"/{path}" cannot be in a layer: a name that starts with "{_WHITEOUT_PREFIX}" '
                "means there that a lower layer's file is deleted. Rename the file or leave it out."
            )


def _check_text(text: str, what: str) -> None:
    if _CONTROL.search(text):
        raise InvalidInput(f"the {what} {text!r} has a control character; rename the file.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(f"the {what} {text!r} is not UTF-8; rename the file.") from None


def arrange(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Sort entries into the order of a layer: by path components as bytes, each directory before its content.

    Pure, and `arrange(arrange(x)) == arrange(x)`. Missing parent directories are added, owned by root with the mode
    0755, or with the mode of every base: 1777 of /tmp and /var/tmp, 0700 of root's home. Of equal entries one is kept.
    Raises InvalidInput for different entries at one path, for an entry below something that is not a directory, and for
    symbolic links that form a loop.
    Spec: image-spec v1.1.1, layer.md#change-types; its tars must not repeat a path.
    """
    arranged: dict[str, Entry] = {}
    for entry in entries:
        other = arranged.setdefault(entry.path, entry)
        if other != entry:
            first, second = sorted((str(other), str(entry)))
            raise InvalidInput(f"two different entries at one path: {first} and {second}.")
    for entry in tuple(arranged.values()):
        _add_parents(entry, arranged)
    _check_loops(arranged)
    # UTF-8 keeps the order of code points, so comparing text compares bytes.
    return tuple(sorted(arranged.values(), key=lambda entry: entry.path.split("/")))


def _add_parents(entry: Entry, arranged: dict[str, Entry]) -> None:
    path = entry.path
    while "/" in path:
        path = path.rpartition("/")[0]
        parent = arranged.get(path)
        if parent is None:
            arranged[path] = Entry(path, "directory", WELL_KNOWN_MODES.get(path, 0o755), 0, 0)
        elif parent.kind != "directory":
            raise InvalidInput(f'"/{entry.path}" cannot be below {parent}: only a directory can hold it.')
        else:
            # The parent's own parents are added by its own call, or were when it was added.
            return


def _check_loops(entries: Mapping[str, Entry]) -> None:
    for entry in sorted((e for e in entries.values() if e.kind == "symlink"), key=lambda e: e.path):
        chain = _endless(entry, entries)
        if chain:
            shown = " → ".join(f"/{path}" for path in chain)
            raise InvalidInput(
                f'the symbolic link "/{entry.path}" cannot be resolved within {MAX_LINKS} links: {shown}.'
            )


def _endless(link: Entry, entries: Mapping[str, Entry]) -> list[str] | None:
    """The links that Linux follows from `link` until ELOOP; None if the link resolves."""
    followed: list[str] = []
    place: list[str] = []
    waiting = link.path.split("/")[::-1]
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            place = place[:-1]
            continue
        entry = entries.get("/".join((*place, part)))
        if entry is None or entry.kind != "symlink":
            place = [*place, part]
            continue
        if len(followed) == MAX_LINKS:
            return _until_repeated([*followed, entry.path])
        followed.append(entry.path)
        place = [] if entry.target.startswith("/") else place
        waiting.extend(entry.target.split("/")[::-1])
    return None


def _until_repeated(chain: list[str]) -> list[str]:
    for index, path in enumerate(chain):
        if path in chain[:index]:
            return chain[: index + 1]
    return chain

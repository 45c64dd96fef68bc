"""Convert copied files to `files` and `oci_layer` targets.

The directories that these layers make are compared with those that Docker makes; more layers make up for differences.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import replace

from ocikit.errors import InvalidInput
from ocikit.layer.placement import Owner, Placement, Source, place
from ocikit.migrate.build_context import DIRECTORY, FILE, SYMLINK, Context, ContextFile, Copied
from ocikit.migrate.build_file import Target, target_text
from ocikit.migrate.directories import ROOT, DirectoryState, ImageTree
from ocikit.migrate.notes import Note

_KEPT_MODES = (0o644, 0o755)
# Permissions that depend on the umask.
_GROUP_AND_OTHERS_WRITE = 0o022
# Archives that both the standard library and Pants unpack.
_UNPACKED = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class Names:
    """Unique names for targets, different from those that are taken."""

    def __init__(self, prefix: str, taken: Iterable[str]) -> None:
        self._prefix = prefix
        self._given = set(taken)

    def give(self, text: str) -> str:
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-") or "files"
        name, number = f"{self._prefix}{slug}", 1
        while name in self._given:
            number += 1
            name = f"{self._prefix}{slug}-{number}"
        self._given.add(name)
        return name


class Layers:
    """The layers of an image, the lowest first."""

    def __init__(self, context: Context, names: Names, *, on_base: bool) -> None:
        self.targets: list[Target] = []
        self.names: list[str] = []
        self.notes: list[Note] = []
        self.tree = ImageTree(on_base=on_base)
        self._actual = ImageTree(on_base=on_base)
        self._context = context
        self._names = names

    def add(self, copied: Copied, owner: Owner, mode: int | None, where: str, what: str) -> None:
        """Add the files of one COPY; `owner` and `mode` are those of --chown and --chmod."""
        self._make_directories(copied, owner, mode, what)
        for text in _doubts(copied, mode, owner):
            self.notes.append(Note(where, what, text, matters=False))
        if not copied.package and not copied.archive and not any(f.kind != DIRECTORY for f in copied.files):
            return
        stem = copied.package.rpartition(":")[2] or copied.prefix or "context"
        if not copied.whole and len(copied.files) == 1:
            stem = posixpath.basename(copied.files[0].path)
        name = self._names.give(stem)
        dependency = copied.package or self._files(copied, name, where, what)
        root = posixpath.join(self._context.root, copied.prefix).rstrip("/")
        placement = Placement(
            directory=copied.directory,
            strip_prefix="" if copied.package or copied.archive or not copied.globs else root,
            rename=copied.rename,
            owner=owner,
            file_mode=mode,
            directory_mode=mode if copied.whole else None,
            symlinks={_below(copied.prefix, file.path): file.target for file in copied.files if file.kind == SYMLINK},
        )
        self._layer(name, placement, [dependency] if dependency else None, f"{where}: {what}", bool(copied.archive))
        self._actual.add(place(_sources(copied, root), placement))

    def make_directory(self, path: str, owner: Owner, what: str) -> None:
        """Make a directory as WORKDIR does."""
        self.tree.make(path, owner, what)

    def finish(self) -> None:
        """Add layers for directories that are missing, or that have another mode or owner than with Docker."""
        # The deepest first: a layer makes its parent directories again, owned by root.
        for path in sorted(self.tree.directories, key=lambda path: (-path.count("/"), path)):
            state = self.tree.directories[path]
            if state.same(self._actual.directories.get(path)):
                continue
            self._actual.add(place((), _placement_of(path, state)))
            self._layer(self._names.give(f"{path}-directory"), _placement_of(path, state), None, state.why)

    def _make_directories(self, copied: Copied, owner: Owner, mode: int | None, why: str) -> None:
        # --chmod applies to what is copied, not to the destination directory.
        self.tree.make(copied.directory, owner, why)
        for file in copied.archive.files if copied.archive else copied.files:
            path = posixpath.join(copied.directory, _below("" if copied.archive else copied.prefix, file.path))
            if file.kind == DIRECTORY:
                self.tree.replace(path, owner, 0o755 if mode is None else mode, why)
            else:
                new = copied.rename.get(posixpath.basename(path))
                target = posixpath.join(copied.directory, new) if new else path
                self.tree.make(posixpath.dirname(target), owner, why)

    def _files(self, copied: Copied, name: str, where: str, what: str) -> str:
        """The address of the target with its files; "" if there are none."""
        if not copied.globs:
            return ""
        context = self._context
        globs = [(glob.startswith("!"), posixpath.join(context.root, glob.lstrip("!"))) for glob in copied.globs]
        inside = all(is_below(context.folder, path) for _, path in globs)
        home = context.folder if inside else posixpath.join(context.root, copied.prefix).rstrip("/")
        sources = [f"{'!' if negated else ''}{_below(home, path)}" for negated, path in globs]
        target = Target("files", f"{name}-files", {"sources": sources}, (f"{where}: {what}",))
        if inside:
            self.targets.append(target)
            return f":{target.name}"
        text = " ".join(target_text(replace(target, comments=())).split())
        self.notes.append(
            Note(
                where,
                what,
                f"these files are not below {context.folder}/, and a target lists only files below its own folder. "
                f"Add to {posixpath.join(home, 'BUILD')}: {text}",
            )
        )
        return f"//{home}:{target.name}"

    def _layer(
        self, name: str, placement: Placement, dependencies: list[str] | None, why: str, unpack: bool = False
    ) -> None:
        fields = {
            "dependencies": dependencies,
            "unpack": unpack or None,
            "strip_prefix": placement.strip_prefix or None,
            "directory": placement.directory if placement.directory != "/" else None,
            "rename": dict(placement.rename) or None,
            "owner": None if placement.owner == ROOT else str(placement.owner),
            "file_mode": _octal(placement.file_mode),
            "directory_mode": _octal(placement.directory_mode),
            "symlinks": dict(placement.symlinks) or None,
        }
        follows = dependencies and self.targets and f":{self.targets[-1].name}" in dependencies
        self.targets.append(Target("oci_layer", name, fields, () if follows else (why,)))
        self.names.append(name)


def _placement_of(path: str, state: DirectoryState) -> Placement:
    mode = state.mode if state.mode != 0o755 else None
    return Placement(directory=f"/{path}", owner=state.owner, directory_mode=mode)


def _sources(copied: Copied, root: str) -> list[Source]:
    """The copied files as sources of a layer."""
    if copied.package:
        name = next(iter(copied.rename), "package")
        return [Source(name, copied.package)]
    if copied.archive:
        return [Source(f.path, "", f.kind, target=f.target) for f in copied.archive.files]
    return [
        Source(posixpath.join(root, _below(copied.prefix, file.path)), "") for file in copied.files if file.kind == FILE
    ]


def _doubts(copied: Copied, mode: int | None, owner: Owner) -> Iterable[str]:
    files = copied.files
    if copied.archive:
        if any(file.path.endswith(".tar.zst") for file in files):
            yield "Pants does not unpack zstd; compress the archive with gzip or xz"
        owners = copied.archive.owners - {str(owner)}
        if owners:
            yield f"files of the archive belong to {', '.join(sorted(owners))}, in the layer to {owner}; set `owner`"
        if copied.archive.odd_modes:
            yield f"{_some(copied.archive.odd_modes)} has other permissions than 0644 and 0755; set `file_mode`"
    elif mode is None:
        odd = [f.path for f in files if f.kind == FILE and f.mode & ~_GROUP_AND_OTHERS_WRITE not in _KEPT_MODES]
        if odd:
            yield f"{_some(odd)} has permissions that Git does not keep; the layer has 0644 or 0755 without `file_mode`"


def _some(paths: Iterable[str]) -> str:
    names = list(paths)
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"


def is_below(folder: str, path: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _below(prefix: str, path: str) -> str:
    return path[len(prefix) + 1 :] if prefix else path


def _octal(mode: int | None) -> str | None:
    return None if mode is None else f"{mode:04o}"


def unpackable(path: str) -> bool:
    """Whether Pants unpacks a tar with that name."""
    return path.endswith(_UNPACKED)


def parse_owner(text: str) -> Owner:
    """Parse the value of --chown; raises InvalidInput for names."""
    try:
        return Owner.parse(text)
    except InvalidInput:
        raise InvalidInput(
            f'--chown={text}: only the base has the numbers of names; use numbers, such as "1000:1000"'
        ) from None


def file_of(path: str, kind: str, mode: int, target: str = "") -> ContextFile:
    return ContextFile(path, kind, mode & 0o7777, target)

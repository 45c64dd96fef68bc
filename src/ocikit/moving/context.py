"""The files that a Dockerfile copies from, and what COPY and ADD take of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ocikit.errors import InvalidInput
from ocikit.moving.ignore import NOTHING_IGNORED, Ignore, has_wildcard, matches

FILE, DIRECTORY, SYMLINK = "file", "directory", "symlink"


@dataclass(frozen=True)
class ContextFile:
    """Something at `path`, relative to the context; `target`: a link's text. `mode`: permission bits."""

    path: str
    kind: str = FILE
    mode: int = 0o644
    target: str = ""


@dataclass(frozen=True)
class Archive:
    """What is in a tar. `owners`: of all of it; `odd_modes`: files with other permissions than Pants keeps."""

    files: tuple[ContextFile, ...] = ()
    owners: frozenset[str] = frozenset()
    odd_modes: tuple[str, ...] = ()


def _no_archive(_path: str) -> Archive | None:
    return None


@dataclass(frozen=True)
class Context:
    """What a build sees.

    `root` and `folder`: the context and the folder of the BUILD file, from the build root. `everything`: by path from
    the context, what Pants sees of it, also where `ignore` leaves it out; `unseen`: folders and files that Pants does
    not see. `archive(path)`: what a tar holds, None for another file. `packages`: addresses of what `package` puts
    beside the files, by path from the context; the paths of those that go into layers unpacked are in `unpacked`.
    """

    root: str = ""
    folder: str = ""
    everything: Mapping[str, ContextFile] = field(default_factory=lambda: MappingProxyType({}))
    ignore: Ignore = NOTHING_IGNORED
    unseen: tuple[str, ...] = ()
    archive: Callable[[str], Archive | None] = _no_archive
    packages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unpacked: frozenset[str] = frozenset()

    def sees(self, path: str) -> bool:
        return path in self.everything and not self.ignore.ignores(path)

    def below(self, directory: str) -> tuple[ContextFile, ...]:
        """What it sees below `directory`, "" for the context itself, sorted by path."""
        front = f"{directory}/" if directory else ""
        return tuple(
            file for path, file in sorted(self.everything.items()) if path.startswith(front) and self.sees(path)
        )


@dataclass(frozen=True)
class Copied:
    """What goes to `directory` of an image: the `files` of the context's directory `prefix`, or a package.

    `whole`: all of `prefix`, its directories included. `rename`: a file's new name. `globs`: what means these files,
    and no others, relative to the context. `archive`: the one file, which is unpacked.
    """

    directory: str
    prefix: str = ""
    files: tuple[ContextFile, ...] = ()
    whole: bool = False
    rename: Mapping[str, str] = field(default_factory=dict)
    globs: tuple[str, ...] = ()
    package: str = ""
    archive: Archive | None = None


def copied(
    context: Context,
    sources: Iterable[str],
    destination: str,
    *,
    slash: bool,
    is_directory: Callable[[str], bool],
    unpack: bool = False,
) -> tuple[Copied, ...]:
    """What COPY of `sources` to `destination`, an absolute path, brings in; ADD does `unpack` archives.

    `slash`: a slash was written at its end; `is_directory`: of a path in the image, as far as it is known. Raises
    InvalidInput for a source that is not there. Source: Docker's reference of COPY.
    """
    found: dict[str, str] = {}
    for source in sources:
        cleaned = posixpath.normpath(f"/{source}").lstrip("/")
        found.update((path, cleaned) for path in _found(context, cleaned, source))
    as_file = len(found) == 1 and not slash and not is_directory(destination)
    if len(found) > 1 and not slash and any(not _is_directory(context, path) for path in found):
        raise InvalidInput(f'"{destination}" must end in "/": {len(found)} sources go there.')
    groups: dict[tuple[str, str], list[str]] = {}
    results: list[Copied] = []
    for path, written in found.items():
        if _is_directory(context, path):
            results.append(_whole(context, path, destination))
        elif path in context.unpacked:
            if not unpack:
                raise InvalidInput(
                    f'"{path}" is an `archive`, which goes into layers unpacked: let another target make the file, '
                    "such as a `shell_command`"
                )
            results.append(Copied(destination, package=context.packages[path]))
        elif unpack and (archive := context.archive(path)):
            results.append(replace(_some(context, [path], destination, {}), archive=archive))
        elif as_file:
            parent, name = posixpath.split(destination)
            old = posixpath.basename(path)
            results.append(_some(context, [path], parent, {} if name == old else {old: name}))
        elif path in context.packages:
            results.append(_some(context, [path], destination, {}))
        else:
            glob = written if path != written else ""
            groups.setdefault((posixpath.dirname(path), glob), []).append(path)
    for (_, glob), paths in groups.items():
        results.append(_some(context, paths, destination, {}, glob))
    return tuple(results)


def _found(context: Context, path: str, source: str) -> list[str]:
    if path in context.packages or context.sees(path) or not path:
        return [path]
    if has_wildcard(path):
        names = [name for name in sorted({*context.everything, *context.packages}) if matches(path, name)]
        seen = [name for name in names if name in context.packages or context.sees(name)]
        if seen:
            return seen
    why = "no such file is in the context"
    if context.ignore.ignores(path):
        why = "`.dockerignore` leaves it out"
    elif any(path == unseen or path.startswith(f"{unseen}/") for unseen in context.unseen):
        why = (
            "Pants does not see it: Git ignores it, or `[GLOBAL].pants_ignore` does. What a build makes, make it with "
            "a target and put that into `dependencies`"
        )
    raise InvalidInput(f'"{source}": {why}.')


def _is_directory(context: Context, path: str) -> bool:
    return not path or (path in context.everything and context.everything[path].kind == DIRECTORY)


def _whole(context: Context, prefix: str, directory: str) -> Copied:
    files = context.below(prefix)
    wanted = {file.path for file in files if file.kind == FILE}
    return Copied(
        directory, prefix, files, whole=True, globs=_globs(context, f"{prefix}/**" if prefix else "**", prefix, wanted)
    )


def _some(context: Context, paths: list[str], directory: str, rename: Mapping[str, str], glob: str = "") -> Copied:
    if paths[0] in context.packages:
        return Copied(directory, rename=rename, package=context.packages[paths[0]])
    # A link that is named itself is followed, by Docker as by Pants.
    files = tuple(ContextFile(path, mode=context.everything[path].mode) for path in paths)
    prefix = posixpath.dirname(paths[0])
    globs = _globs(context, glob, prefix, set(paths)) if glob else tuple(map(_literal, paths))
    return Copied(directory, prefix, files, rename=rename, globs=globs)


def _globs(context: Context, glob: str, prefix: str, wanted: set[str]) -> tuple[str, ...]:
    """`glob`, of files below `prefix`, without what is ignored; where that means other files, each by its name."""
    own = posixpath.relpath(posixpath.join(context.folder, "BUILD"), context.root or ".")
    wanted = wanted - {own}
    if not wanted:
        return ()
    meant = {path for path, file in context.everything.items() if file.kind != DIRECTORY and matches(glob, path)}
    excludes = [own] if matches(glob, own) else []
    front = f"{prefix}/" if prefix else ""
    for pattern in context.ignore.patterns:
        if _may_mean(pattern, front, context) and (glob.endswith("**") or any(matches(pattern, p) for p in meant)):
            # What ends as a file's name does is no folder.
            excludes += [pattern] if "*." in posixpath.basename(pattern) else [pattern, f"{pattern}/**"]
    excludes += [path for path in sorted(meant) if context.everything[path].kind == SYMLINK and context.sees(path)]
    if context.ignore.takes_back or wanted != {p for p in meant if not any(matches(x, p) for x in excludes)}:
        return tuple(map(_literal, sorted(wanted)))
    return (glob, *(f"!{exclude}" for exclude in dict.fromkeys(excludes)))


def _may_mean(pattern: str, front: str, context: Context) -> bool:
    """Whether a pattern means something below `front` now; one with a wildcard may tomorrow."""
    if has_wildcard(pattern):
        return pattern.startswith(("**/", front))
    return pattern in context.everything and f"{pattern}/".startswith(front)


def _literal(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)

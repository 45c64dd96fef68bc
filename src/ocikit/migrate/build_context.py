"""The build context of a Dockerfile, and the files that COPY and ADD take from it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ocikit.errors import InvalidInput
from ocikit.migrate.dockerignore import NOTHING_IGNORED, Ignore, has_wildcard, matches

FILE, DIRECTORY, SYMLINK = "file", "directory", "symlink"


@dataclass(frozen=True)
class ContextFile:
    """A file, directory or link at `path` in the context. `target`: a link's text; `mode`: permission bits."""

    path: str
    kind: str = FILE
    mode: int = 0o644
    target: str = ""


@dataclass(frozen=True)
class Archive:
    """The contents of a tar. `owners`: of all members; `odd_modes`: files with permissions that Pants does not keep."""

    files: tuple[ContextFile, ...] = ()
    owners: frozenset[str] = frozenset()
    odd_modes: tuple[str, ...] = ()


def _no_archive(_path: str) -> Archive | None:
    return None


@dataclass(frozen=True)
class Context:
    """The build context.

    `root` and `folder`: the context and the folder of the BUILD file, from the build root. `everything`: by path from
    the context, all that Pants sees of it, including what `ignore` excludes; `unseen`: folders and files that Pants
    does not see. `archive(path)`: the contents of a tar, None for another file. `packages`: addresses of the targets
    whose packages are next to the files, by path from the context; `unpacked`: the paths of those that layers unpack.
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
        """The files in it below `directory`, "" for the context itself, sorted by path."""
        front = f"{directory}/" if directory else ""
        return tuple(
            file for path, file in sorted(self.everything.items()) if path.startswith(front) and self.sees(path)
        )


@dataclass(frozen=True)
class Copied:
    """Files that go to `directory` of an image: `files` of the context's directory `prefix`, or a package.

    `whole`: all of `prefix`, including its directories. `rename`: new names of files. `globs`: match exactly these
    files, relative to the context. `archive`: the contents of the only file, which is unpacked.
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
    """The files that COPY brings from `sources` to `destination`, an absolute path; for ADD, `unpack` archives.

    `slash`: `destination` was written with a slash at its end; `is_directory`: whether a path of the image is known to
    be a directory. Raises InvalidInput for a source that does not exist. Source: Docker's reference of COPY.
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
                    f'"{path}" is an `archive`, which layers unpack: make the file with another target, such as a '
                    "`shell_command`"
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
    why = "the context has no such file"
    if context.ignore.ignores(path):
        why = "`.dockerignore` excludes it"
    elif any(path == unseen or path.startswith(f"{unseen}/") for unseen in context.unseen):
        why = (
            "Pants does not see it, because Git or `[GLOBAL].pants_ignore` ignores it. Make build outputs with a "
            "target and add that to `dependencies`"
        )
    raise InvalidInput(f'"{source}": {why}.')


def _is_directory(context: Context, path: str) -> bool:
    return not path or (path in context.everything and context.everything[path].kind == DIRECTORY)


def _whole(context: Context, prefix: str, directory: str) -> Copied:
    files = context.below(prefix)
    paths = {file.path for file in files if file.kind == FILE}
    return Copied(
        directory, prefix, files, whole=True, globs=_globs(context, f"{prefix}/**" if prefix else "**", prefix, paths)
    )


def _some(context: Context, paths: list[str], directory: str, rename: Mapping[str, str], glob: str = "") -> Copied:
    if paths[0] in context.packages:
        return Copied(directory, rename=rename, package=context.packages[paths[0]])
    # Docker and Pants follow a link that is itself a source.
    files = tuple(ContextFile(path, mode=context.everything[path].mode) for path in paths)
    prefix = posixpath.dirname(paths[0])
    globs = _globs(context, glob, prefix, set(paths)) if glob else tuple(map(_literal, paths))
    return Copied(directory, prefix, files, rename=rename, globs=globs)


def _globs(context: Context, glob: str, prefix: str, paths: set[str]) -> tuple[str, ...]:
    """Globs for exactly `paths` below `prefix`: `glob` with excludes if that works, otherwise each path by its name."""
    own = posixpath.relpath(posixpath.join(context.folder, "BUILD"), context.root or ".")
    paths = paths - {own}
    if not paths:
        return ()
    meant = {path for path, file in context.everything.items() if file.kind != DIRECTORY and matches(glob, path)}
    excludes = [own] if matches(glob, own) else []
    front = f"{prefix}/" if prefix else ""
    for pattern in context.ignore.patterns:
        if _may_mean(pattern, front, context) and (glob.endswith("**") or any(matches(pattern, p) for p in meant)):
            # A pattern with a file extension does not match folders.
            excludes += [pattern] if "*." in posixpath.basename(pattern) else [pattern, f"{pattern}/**"]
    excludes += [path for path in sorted(meant) if context.everything[path].kind == SYMLINK and context.sees(path)]
    if context.ignore.takes_back or paths != {p for p in meant if not any(matches(x, p) for x in excludes)}:
        return tuple(map(_literal, sorted(paths)))
    return (glob, *(f"!{exclude}" for exclude in dict.fromkeys(excludes)))


def _may_mean(pattern: str, front: str, context: Context) -> bool:
    """Whether a pattern matches something below `front` now, or may do so later because it has a wildcard."""
    if has_wildcard(pattern):
        return pattern.startswith(("**/", front))
    return pattern in context.everything and f"{pattern}/".startswith(front)


def _literal(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)

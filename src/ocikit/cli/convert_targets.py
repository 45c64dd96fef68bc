"""`ocikit convert-targets`: convert `docker_image` targets and those of `pants-backend-oci`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ocikit import atomic_file, output
from ocikit.cli.arguments import checked, key_and_value
from ocikit.cli.context_reader import build_root_of, read_context
from ocikit.cli.from_dockerfile import add_base_arguments, read_text, tell
from ocikit.errors import InvalidInput
from ocikit.migrate.backend_oci import KINDS, convert_backend_oci
from ocikit.migrate.build_context import Context
from ocikit.migrate.build_file import build_text
from ocikit.migrate.build_reader import FoundTarget, absolute_address, read_build_file
from ocikit.migrate.convert import Conversion, report_lines
from ocikit.migrate.docker_image import Surroundings, convert_docker_image
from ocikit.printable import printable

_BUILD_FILES = ("BUILD", "BUILD.pants")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", metavar="BUILD", help="BUILD files, or their folders")
    add("--write", action="store_true", help="replace the old targets in the files")
    pair = checked(key_and_value)
    add("--build-arg", action="append", default=[], type=pair, metavar="NAME=VALUE", help="as in [docker].build_args")
    add("--default-repository", default="{name}", metavar="TEXT", help="the value of [docker].default_repository")
    add("--default-context-root", default="", metavar="DIR", help="the value of [docker].default_context_root")
    add_base_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    repository = _Repository(arguments)
    files = [(path, repository.read(path)) for path in map(_build_file, arguments.files)]
    converted = {path: [(one, repository.convert(one)) for one in found if _converts(one)] for path, found in files}
    everything = [conversion for pairs in converted.values() for _, conversion in pairs]
    if not everything:
        raise InvalidInput(
            f"no docker_image and no target of pants-backend-oci in {', '.join(map(str, converted))}; found: "
            f"{', '.join(sorted({one.kind for _, found in files for one in found})) or 'no targets'}."
        )
    for conversion in everything:
        tell(conversion.notes)
    done = arguments.partial or all(conversion.is_complete for conversion in everything)
    if not arguments.write:
        text = "\n".join(_printed(path, pairs) for path, pairs in converted.items() if pairs)
        output.write(*text.splitlines())
    elif done:
        for path, pairs in converted.items():
            _replace(path, pairs)
    else:
        output.tell("ocikit: nothing was written, because something was left out: see above, or use --partial.")
    return 0 if done else 1


def _converts(found: FoundTarget) -> bool:
    # Both backends have a target of this name; theirs has packages, ours dependencies.
    if found.kind == "oci_layer":
        return "packages" in found.fields or "packages" in found.unreadable
    return found.kind == "docker_image" or found.kind in KINDS


def _printed(path: Path, pairs: Iterable[tuple[FoundTarget, Conversion]]) -> str:
    texts = [build_text(conversion.targets, report_lines(conversion.notes)) for _, conversion in pairs]
    return "\n".join((f"# {printable(str(path))}\n", *texts))


def _replace(path: Path, pairs: list[tuple[FoundTarget, Conversion]]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for found, conversion in sorted(pairs, key=lambda pair: pair[0].lines, reverse=True):
        first, last = found.lines
        lines[first - 1 : last] = [build_text(conversion.targets, report_lines(conversion.notes))]
    # An interrupted run must not leave half of a file that people wrote.
    atomic_file.write(os.path.realpath(path), "".join(lines).encode())


def _build_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        found = [path / name for name in _BUILD_FILES if (path / name).is_file()]
        if not found:
            raise InvalidInput(f'"{text}" has no BUILD file; name one.')
        return found[0]
    return path


class _Repository:
    """The repository around BUILD files; each BUILD file is read once."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        first = Path(arguments.files[0]).resolve()
        root = build_root_of(first if first.is_dir() else first.parent)
        if root is None:
            raise InvalidInput(f'"{arguments.files[0]}" is not in a Pants repository: there is no pants.toml above it.')
        self._root = root
        self._folders: dict[str, tuple[FoundTarget, ...]] = {}
        self._around = Surroundings(
            self._text,
            self._context,
            self._find,
            arguments.default_repository,
            arguments.default_context_root,
            dict(arguments.build_arg),
            dict(arguments.base_env),
            arguments.base_workdir,
        )

    def read(self, path: Path) -> tuple[FoundTarget, ...]:
        folder = os.path.relpath(path.resolve().parent, self._root)
        return read_build_file(read_text(path), "" if folder == os.curdir else folder, str(path))

    def convert(self, found: FoundTarget) -> Conversion:
        if found.kind == "docker_image":
            return convert_docker_image(found, self._around, [one.name for one in self._targets_of(found.folder)])
        return convert_backend_oci(found, self._find)

    def _find(self, address: str) -> FoundTarget | None:
        folder, name, _ = absolute_address(address, "")
        return next((one for one in self._targets_of(folder) if one.name == name), None)

    def _targets_of(self, folder: str) -> tuple[FoundTarget, ...]:
        if folder not in self._folders:
            paths = [self._root / folder / name for name in _BUILD_FILES]
            self._folders[folder] = tuple(one for path in paths if path.is_file() for one in self.read(path))
        return self._folders[folder]

    def _text(self, path: str) -> str | None:
        file = self._root / path
        return read_text(file) if file.is_file() else None

    def _context(self, root: str, folder: str, dockerfile: str, words: tuple[str, ...]) -> Context:
        # Packages have the same paths in the context as below dist/: dots replace the slashes of a folder.
        folders = {folder, *(word.split("/")[0].replace(".", "/") for word in words if "/" in word)}
        found = {one.package: one for place in sorted(folders) for one in self._targets_of(place) if one.package}
        context = read_context(self._root / root, self._root, self._root / folder, dockerfile=self._root / dockerfile)
        return replace(
            context,
            packages={path: one.address for path, one in found.items()},
            unpacked=frozenset(path for path, one in found.items() if one.kind == "archive"),
        )

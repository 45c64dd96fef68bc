"""`ocikit from-dockerfile`: convert a Dockerfile to a BUILD file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ocikit import output
from ocikit.cli.arguments import checked, key_and_value
from ocikit.cli.context_reader import build_root_of, read_context
from ocikit.errors import InvalidInput
from ocikit.migrate.build_file import build_text
from ocikit.migrate.convert import DEFAULT_PLATFORM, Wishes, convert, report_lines
from ocikit.migrate.dockerfile import parse_dockerfile
from ocikit.migrate.notes import Note
from ocikit.spec import container_settings
from ocikit.spec.platform import Platform


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("dockerfile", nargs="?", metavar="DOCKERFILE", help="default: the one in the context")
    add(
        "--context",
        metavar="DIR",
        help="the build context, for which the BUILD file is written (default: the Dockerfile's folder)",
    )
    add("-o", "--output", metavar="FILE", help="write to this new file (default: standard output)")
    add("--name", default="image", help="the name of the oci_image (default: %(default)s)")
    add("--target", metavar="STAGE", help="the stage to convert (default: the last one)")
    pair = checked(key_and_value)
    add("--build-arg", action="append", default=[], type=pair, metavar="NAME=VALUE", help="the value of an ARG")
    add("--platform", type=checked(Platform.parse), default=DEFAULT_PLATFORM)
    add_base_arguments(parser)


def add_base_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that the converting commands share."""
    add = parser.add_argument
    pair = checked(key_and_value)
    add("--base-env", action="append", default=[], type=pair, metavar="NAME=VALUE", help="a variable that the base has")
    add(
        "--base-workdir",
        type=checked(container_settings.parse_workdir),
        metavar="DIR",
        help="the base's working directory",
    )
    add("--partial", action="store_true", help="exit with 0 even if something that matters was left out")


def run(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.context or (Path(arguments.dockerfile).parent if arguments.dockerfile else "."))
    file = Path(arguments.dockerfile) if arguments.dockerfile else folder / "Dockerfile"
    root = build_root_of(folder)
    prefix = "" if arguments.name == "image" else f"{arguments.name}-"
    wishes = Wishes(
        file=str(file),
        name=arguments.name,
        prefix=prefix,
        stage=arguments.target,
        arguments=dict(arguments.build_arg),
        platform=arguments.platform,
        base_env=dict(arguments.base_env),
        base_workdir=arguments.base_workdir,
    )
    context = read_context(folder, root or folder, folder, dockerfile=file)
    conversion = convert(parse_dockerfile(read_text(file), str(file)), context, wishes)
    text = build_text(conversion.targets, report_lines(conversion.notes))
    if root is None:
        output.tell(
            f'ocikit: "{folder}" is not in a Pants repository (no pants.toml above it): taken as the build root.'
        )
    if arguments.output:
        write_new(Path(arguments.output), text)
    else:
        output.write(*text.splitlines())
    tell(conversion.notes)
    return 0 if conversion.is_complete or arguments.partial else 1


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None


def write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(
            f'"{path}" exists; write to another file, or print without --output and add the targets to it.'
        ) from None


def tell(notes: tuple[Note, ...]) -> None:
    for note in notes:
        output.tell(f"{'left out' if note.matters else 'look at'}: {note}.")

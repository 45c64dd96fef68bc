"""Arguments that several commands have."""

from __future__ import annotations

import argparse
from typing import Callable, TypeVar

from ocikit.errors import InvalidInput
from ocikit.layer.limits import DEFAULT_LIMITS, Limits

_T = TypeVar("_T")


def add_insecure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--insecure", action="store_true", help="speak plain HTTP to registries that want it")


def add_limits(parser: argparse.ArgumentParser, *, files: bool = True) -> None:
    """What `limits_of` reads. Not `files`: the command lists none."""
    if files:
        parser.add_argument(
            "--max-layer-files",
            type=int,
            metavar="N",
            default=DEFAULT_LIMITS.files,
            help=f"how many files layers may have together (default: {DEFAULT_LIMITS.files:,})",
        )
    parser.add_argument(
        "--max-layer-expansion",
        type=int,
        metavar="N",
        default=DEFAULT_LIMITS.expansion,
        help=f"how many bytes a byte of a layer may become, above 64 MiB (default: {DEFAULT_LIMITS.expansion})",
    )


def limits_of(arguments: argparse.Namespace) -> Limits:
    """Raises InvalidInput."""
    return Limits(getattr(arguments, "max_layer_files", DEFAULT_LIMITS.files), arguments.max_layer_expansion)


def checked(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """A `type` for argparse: what `parse` refuses is a usage error."""

    def convert(text: str) -> _T:
        try:
            return parse(text)
        except InvalidInput as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def key_and_value(text: str) -> tuple[str, str]:
    """Read "KEY=VALUE"."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f'"{text}" has no "=": wanted KEY=VALUE.')
    return key, value

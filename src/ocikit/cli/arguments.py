"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import Callable, TypeVar

from ocikit.errors import InvalidInput
from ocikit.layer.limits import DEFAULT_LIMITS, Limits

_T = TypeVar("_T")


def add_insecure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--insecure", action="store_true", help="allow plain HTTP")


def add_limits(parser: argparse.ArgumentParser, *, files: bool = True) -> None:
    """Add the arguments that `limits_of` reads. `files=False`: the command does not list files."""
    if files:
        parser.add_argument(
            "--max-layer-files",
            type=int,
            metavar="N",
            default=DEFAULT_LIMITS.files,
            help=f"the most files in all layers together (default: {DEFAULT_LIMITS.files:,})",
        )
    parser.add_argument(
        "--max-layer-expansion",
        type=int,
        metavar="N",
        default=DEFAULT_LIMITS.expansion,
        help=f"the most bytes that a byte of a layer may expand to, above 64 MiB (default: {DEFAULT_LIMITS.expansion})",
    )


def limits_of(arguments: argparse.Namespace) -> Limits:
    """Read the limits from the arguments; raises InvalidInput."""
    return Limits(getattr(arguments, "max_layer_files", DEFAULT_LIMITS.files), arguments.max_layer_expansion)


def checked(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """Make a `type` for argparse out of `parse`; InvalidInput becomes a usage error."""

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
        raise InvalidInput(f'"{text}" has no "=": expected KEY=VALUE.')
    return key, value

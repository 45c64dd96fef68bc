"""Arguments that several commands have."""

from __future__ import annotations

import argparse
from typing import Callable, TypeVar

from ocikit.errors import InvalidInput

_T = TypeVar("_T")


def add_insecure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--insecure", action="store_true", help="speak plain HTTP to registries that want it")


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

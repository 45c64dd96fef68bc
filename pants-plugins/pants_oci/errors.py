"""Errors of targets and fields: first the address, then what was expected, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, Target

from ocikit.errors import InvalidInput, OcikitError
from ocikit.printable import printable, printable_lines

# Longer lines are cut, because quoted values may have any length.
_LONGEST_LINE = 4000


class OciTargetError(Exception):
    """A problem of a target that prevents its image from being built or published.

    `more`: further lines. A quoted value cannot add a line or control a terminal.
    """

    def __init__(self, address: Address | str, message: str, *more: str) -> None:
        lines = (f"{address}: {message}", *more)
        super().__init__(printable_lines(printable(line, _LONGEST_LINE) for line in lines))

    @classmethod
    def of_all(cls, address: Address | str, messages: Sequence[str]) -> OciTargetError:
        """One error for at least one message; each of several is a line."""
        if len(messages) == 1:
            return cls(address, messages[0])
        return cls(address, f"{len(messages)} errors:", *(f"  {text}" for text in messages))


class OciFieldError(InvalidFieldException):
    """An invalid value of a field. The text is one line, whatever it quotes."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text, _LONGEST_LINE))


@contextmanager
def errors_of(address: Address) -> Iterator[None]:
    """Put the address of the target before errors of the library."""
    try:
        yield
    except OcikitError as error:
        raise OciTargetError(address, *(error.lines or ("",))) from None


@contextmanager
def error_context(place: str) -> Iterator[None]:
    """Put `place`, a field or option, before errors of the library about its value."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from None


def describe_type(target: Target) -> str:
    """The type of a target with its article: "an `oci_image`"."""
    return f"{'an' if target.alias[0] in 'aeiou' else 'a'} `{target.alias}`"

"""How an error reads: the target's address, what was wanted, what was found, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, Target

from ocikit.errors import InvalidInput, OcikitError
from ocikit.printable import printable, printable_lines

# More of a line is cut: what it quotes may be of any length.
_LONGEST_LINE = 4000


class OciTargetError(Exception):
    """Something about a target that keeps its image from being built or published.

    `more`: further lines. What any of them quotes makes no line of its own, and does nothing to a terminal.
    """

    def __init__(self, address: Address | str, message: str, *more: str) -> None:
        lines = (f"{address}: {message}", *more)
        super().__init__(printable_lines(printable(line, _LONGEST_LINE) for line in lines))

    @classmethod
    def of_all(cls, address: Address | str, messages: Sequence[str]) -> OciTargetError:
        """Several things at once, a line each; at least one."""
        if len(messages) == 1:
            return cls(address, messages[0])
        return cls(address, f"{len(messages)} things are wrong:", *(f"  {text}" for text in messages))


class OciFieldError(InvalidFieldException):
    """A value that a field cannot have. What the text quotes is a part of one line."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text, _LONGEST_LINE))


@contextmanager
def blamed_on(address: Address) -> Iterator[None]:
    """Give what the library finds wrong the address of the target that asked for it."""
    try:
        yield
    except OcikitError as error:
        raise OciTargetError(address, *(error.lines or ("",))) from None


@contextmanager
def found_in(place: str) -> Iterator[None]:
    """Put the field or option, in words, before what the library finds wrong with its value."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from None


def kind_of(target: Target) -> str:
    """What a target is, in a sentence: "an `oci_image`"."""
    return f"{'an' if target.alias[0] in 'aeiou' else 'a'} `{target.alias}`"

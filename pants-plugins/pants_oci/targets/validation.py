"""How fields check their values: the library says what is wrong, the field says where."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from ocikit.errors import InvalidInput

_T = TypeVar("_T")


def checked(parse: Callable[[Any], _T], value: Any, *, alias: str, address: Address) -> _T:
    """`parse(value)`, with the address and the field put before what it finds wrong."""
    try:
        return parse(value)
    except InvalidInput as error:
        raise InvalidFieldException(f"{address}: the `{alias}` field: {error}") from None


def checked_if_set(parse: Callable[[Any], _T], value: Any | None, *, alias: str, address: Address) -> _T | None:
    """The same, and None for a field that was left out."""
    return None if value is None else checked(parse, value, alias=alias, address=address)

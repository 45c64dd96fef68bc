"""Fields that check their values: the library finds the error, and the field adds its place."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Dict, Iterable, Optional

from pants.engine.addresses import Address
from pants.engine.target import (
    DictStringToStringField,
    StringField,
    StringSequenceField,
)
from pants.util.frozendict import FrozenDict

from ocikit.errors import InvalidInput
from pants_oci.errors import OciFieldError


def check(parse: Callable[[Any], Any], value: Any, *, alias: str, address: Address) -> None:
    """Call `parse(value)`, and put the address and the field before its error."""
    try:
        parse(value)
    except InvalidInput as error:
        raise OciFieldError(f"{address}: the `{alias}` field: {error}") from None


class CheckedStringField(StringField):
    """A string. `parse` raises InvalidInput for an invalid one; None is not checked."""

    parse: ClassVar[Callable[..., Any]]

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is not None:
            check(cls.parse, value, alias=cls.alias, address=address)
        return value


class CheckedStringsField(StringSequenceField):
    """A list of strings. `parse` raises InvalidInput for an invalid item."""

    parse: ClassVar[Callable[..., Any]]

    @classmethod
    def compute_value(cls, raw_value: Optional[Iterable[str]], address: Address) -> Optional[tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        for item in value or ():
            check(cls.parse, item, alias=cls.alias, address=address)
        return value


class CheckedDictField(DictStringToStringField):
    """A dictionary. `parse` raises InvalidInput for an invalid one; None is not checked."""

    parse: ClassVar[Callable[..., Any]]

    @classmethod
    def compute_value(cls, raw_value: Optional[Dict[str, str]], address: Address) -> Optional[FrozenDict[str, str]]:
        value = super().compute_value(raw_value, address)
        if value is not None:
            check(cls.parse, value, alias=cls.alias, address=address)
        return value

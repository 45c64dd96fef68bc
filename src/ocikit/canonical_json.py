"""The one JSON serialiser: equal values give equal bytes.

UTF-8, keys sorted, no insignificant white space, no floats, no final newline.
Source: image-spec v1.1.1, considerations.md#canonicalization.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput


def dumps(value: Any) -> bytes:
    """Serialise; any mapping is an object, any list or tuple an array.

    Raises InvalidInput for what has no one form: floats, keys that are not text, text that is not
    Unicode (a lone surrogate).
    """
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"not text, it has a lone surrogate: {error.object!a:.200}") from None


def loads_object(data: bytes | str, what: str) -> dict[str, Any]:
    """Read a JSON object; `what` names the document in the error (InvalidContent)."""
    value = _loads(data, what)
    if not isinstance(value, dict):
        raise InvalidContent(f"{what} is not a JSON object but {type(value).__name__}")
    return value


def loads_list(data: bytes | str, what: str) -> list[Any]:
    """Read a JSON array; `what` names the document in the error (InvalidContent)."""
    value = _loads(data, what)
    if not isinstance(value, list):
        raise InvalidContent(f"{what} is not a JSON array but {type(value).__name__}")
    return value


def _loads(data: bytes | str, what: str) -> Any:
    try:
        # json.loads would guess UTF-16 and UTF-32, which RFC 8259 does not allow.
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidContent(f"{what} is not JSON: {error}") from None


def frozen(value: Any) -> Any:
    """A copy that cannot be changed: mappings read-only, lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidInput(f"keys must be text: {key!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    raise InvalidInput(f"{type(value).__name__} has no canonical form: {value!r}")


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no value of JSON")

"""The one JSON serialiser: equal values give equal bytes.

UTF-8, keys sorted, no insignificant white space, no floats, no final newline.
Source: image-spec v1.1.1, considerations.md#canonicalization.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput

# For documents of others. Registries should accept manifests of 4 MiB: distribution-spec v1.1.1, "Pushing Manifests".
MAX_SIZE = 4 * 1024 * 1024
# Documents of images have six levels.
MAX_DEPTH = 100
# An entry of an index contains at least two objects and takes 200 bytes.
_BYTES_PER_CONTAINER = 40
_MAX_DIGITS = 1000
_STRING = re.compile(r'"[^"]*"?')
_BRACKET = re.compile(r"[\[\]{}]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def dumps(value: Any) -> bytes:
    """Serialise `value`; mappings become objects, lists and tuples become arrays.

    Raises InvalidInput for values without a canonical form (floats, keys that are not text, text
    with a lone surrogate) and for values that are nested too deeply.
    """
    try:
        text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"not Unicode text, because of a lone surrogate: {_around(error)}") from None
    except RecursionError:
        raise InvalidInput("nested too deeply to be written as JSON") from None


def loads_object(data: bytes | str, what: str, max_size: int | None = MAX_SIZE) -> dict[str, Any]:
    """Read a JSON object; `what` names the document in the error (InvalidContent).

    If a key is repeated, the last value counts, as in Go. `max_size`: None for documents that this program wrote.
    """
    value = loads(data, what, max_size)
    if not isinstance(value, dict):
        raise InvalidContent(f"{what} is not a JSON object but {_kind_of(value)}")
    return value


def loads_list(data: bytes | str, what: str, max_size: int | None = MAX_SIZE) -> list[Any]:
    """Read a JSON array; as `loads_object`."""
    value = loads(data, what, max_size)
    if not isinstance(value, list):
        raise InvalidContent(f"{what} is not a JSON array but {_kind_of(value)}")
    return value


def loads(data: bytes | str, what: str, max_size: int | None = MAX_SIZE) -> Any:
    """Read any JSON within the limits above; all text in it is Unicode, all numbers are finite.

    Raises only InvalidContent, whatever `data` is.
    """
    try:
        # json.loads would guess UTF-16 and UTF-32, which RFC 8259 does not allow.
        text = data if isinstance(data, str) else data.decode("utf-8")
        fault = None if max_size is None else beyond_limits(len(data), text, max_size)
        if fault:
            raise InvalidContent(f"{what} is not accepted: {fault}")
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_int, parse_float=_parse_float)
        if isinstance(data, str) or _SURROGATE.search(text):
            # An escape such as "\\ud800" is valid JSON, but nothing can write it as UTF-8 again.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        # Only the surrogate: the text around it may be a password.
        found = ascii(error.object[error.start])[1:-1]
        raise InvalidContent(f"{what} is not Unicode text, because of a lone surrogate: {found}") from None
    except RecursionError:
        raise InvalidContent(f"{what} is not accepted: it is nested too deeply") from None
    except ValueError as error:
        raise InvalidContent(f"{what} is not JSON: {error}") from None
    return value


def frozen(value: Any) -> Any:
    """Return a deep copy that cannot be changed: mappings are read-only, lists become tuples.

    Raises InvalidContent if the value is nested too deeply.
    """
    try:
        return _frozen(value)
    except RecursionError:
        raise InvalidContent("nested too deeply to be read") from None


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
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


def beyond_limits(size: int, text: str, max_size: int) -> str | None:
    """Say which limit a document exceeds, None if it is within all limits.

    Checked before parsing: an empty list takes two bytes of a document and thirty times that in memory.
    """
    if size > max_size:
        return f"expected at most {max_size} bytes, got {size}"
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    outside = _STRING.sub("", text.replace("\\\\", "").replace('\\"', ""))
    containers, most = outside.count("[") + outside.count("{"), max_size // _BYTES_PER_CONTAINER
    if containers > most:
        return f"expected at most {most} lists and objects, got {containers}"
    depth = 0
    for bracket in _BRACKET.finditer(outside):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return f"expected at most {MAX_DEPTH} levels of lists and objects, got more"
    return None


def _parse_int(text: str) -> int:
    # Newer Pythons refuse more than 4,300 digits, older ones take minutes for a million.
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"expected numbers of at most {_MAX_DIGITS} digits, got one of {len(text)}")
    return int(text)


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text:.20} is out of range")
    return number


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON value")


def _kind_of(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _around(error: UnicodeEncodeError) -> str:
    """The text near the surrogate, with escapes."""
    return ascii(error.object[max(0, error.start - 40) : error.start + 40])

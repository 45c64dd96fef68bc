"""Protocol Buffers without a schema: messages are mappings of field numbers, so no compiler is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Union

# Lists are repeated fields.
Field = Union[int, str, "Fields", Sequence["Field"]]
Fields = Mapping[int, Field]

# Wire types.
_VARINT, _LENGTH = 0, 2


def encode(fields: Fields) -> bytes:
    return b"".join(_field(number, value) for number, value in fields.items())


class Message:
    """A received message: numbers, texts and messages, by field numbers."""

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        stream = BytesIO(data)
        while stream.tell() < len(data):
            key, value = _read_varint(stream), _read_varint(stream)
            self._fields.setdefault(key >> 3, []).append(stream.read(value) if key & 7 == _LENGTH else value)

    def number(self, field: int) -> int:
        """A number; an absent field is 0."""
        (value,) = self._fields.get(field, (0,))
        assert isinstance(value, int)
        return value

    def text(self, field: int) -> str:
        """A text; an absent field is empty."""
        (value,) = self._fields.get(field, (b"",))
        assert isinstance(value, bytes)
        return value.decode()

    def messages(self, field: int) -> Sequence[Message]:
        return [Message(value) for value in self._fields.get(field, ()) if isinstance(value, bytes)]


def _field(number: int, value: Field) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, (str, Mapping)):
        data = value.encode() if isinstance(value, str) else encode(value)
        return _varint(number << 3 | _LENGTH) + _varint(len(data)) + data
    return b"".join(_field(number, item) for item in value)


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def _read_varint(stream: BytesIO) -> int:
    number = shift = 0
    while (byte := stream.read(1)[0]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
    return number | byte << shift

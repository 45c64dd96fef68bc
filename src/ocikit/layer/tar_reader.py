"""The tar of a layer or an archive, read by ourselves: `tarfile` keeps headers of any size in memory, calls itself for
each header that extends another, expands sparse files, and treats damage as the end.

Where readers disagree, this one does as Go's `archive/tar`, with which engines unpack layers:

* v7, ustar, star's and GNU's headers; the checksum of unsigned or of signed bytes; numbers in octal or in base 256.
* Names of GNU's "L" and "K" headers and of PAX headers ("path", "linkpath", "size", "uid", "gid"; all other records are
  left out). An empty value changes nothing. Global PAX headers are skipped, as engines do.
* Names are UTF-8; bytes that are not become lone surrogates (PEP 383).
* Two blocks of zeros end the tar, and so does the end of the input between two members. Anything may follow.
* Refused: sparse files in all four dialects, which image-spec rules out (layer.md#file-attributes) and engines do not
  unpack; two extended headers of one kind, or two names, for a member; anything above the limits below.

Source: POSIX.1-2018, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from ocikit.errors import InvalidContent

BLOCK_SIZE = 512
# As in Go's archive/tar.
MAX_EXTENDED_HEADER = 1024 * 1024
# PATH_MAX of Linux: no file system accepts a longer path from an engine.
MAX_NAME = 4096
# A file has a handful of records, and one for each extended attribute; file systems keep some dozens of these.
MAX_RECORDS = 128
_MAX_NUMBER = 2**63 - 1

REGULAR, HARD_LINK, SYMBOLIC_LINK, DIRECTORY = b"0", b"1", b"2", b"5"
_CHARACTER_DEVICE, _BLOCK_DEVICE, _FIFO = b"3", b"4", b"6"
# What old tars write ("\0", which is a directory if its name ends in "/"), and contiguous files.
_ALSO_REGULAR = (b"\0", b"7")
_WITHOUT_CONTENT = (HARD_LINK, SYMBOLIC_LINK, _CHARACTER_DEVICE, _BLOCK_DEVICE, DIRECTORY, _FIFO)
_PAX, _GLOBAL_PAX, _SPARSE = b"x", b"g", b"S"
_GNU_NAMES = (b"L", b"K")
_ZEROS = bytes(BLOCK_SIZE)
_PAX_NUMBER = re.compile(rb"-?[0-9]{1,32}")


class TarError(InvalidContent):
    """An error in a tar. The message is to be put after a description of the tar."""


class EmptyTar(TarError):
    """There is not a byte: not an archive, but a layer without files, as in Go's archive/tar and engines."""


class Member(NamedTuple):
    """An entry. `kind` is one of the constants or another type flag; `mode` has twelve bits.

    `size`: how many bytes of content follow. `device`: major and minor number.
    """

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    device: tuple[int, int]


class Source(Protocol):
    """The input of a reader, and how far it was read."""

    position: int

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes; fewer at the end."""

    def skip_to(self, position: int) -> None:
        """Skip to `position`; raises TarError if it is after the end."""


class StreamSource:
    """A tar in a stream of chunks; one chunk is kept."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), memoryview(b"")
        self.position = 0

    def read(self, size: int) -> bytes:
        if len(self._rest) > size:
            data, self._rest = self._rest[:size].tobytes(), self._rest[size:]
            self.position += size
            return data
        return b"".join(self._up_to(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes; raises TarError if there are fewer."""
        end = self.position + size
        yield from self._up_to(size)
        if self.position < end:
            raise TarError("unexpected end of data")

    def skip_to(self, position: int) -> None:
        for _ in self.pieces(position - self.position):
            pass

    def _up_to(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            while not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return
                self._rest = memoryview(chunk)
            piece = self._rest[:size]
            self._rest = self._rest[size:]
            self.position += len(piece)
            size -= len(piece)
            yield piece


def read_members(source: Source) -> Iterator[Member]:
    """Yield each member of a tar. The caller may read its content from `source` before the next member.

    Raises TarError, EmptyTar if there is nothing, and what `source` raises. Memory is that of a header, at most 1 MiB.
    """
    extended: dict[bytes, bytes] = {}
    seen = b""
    while True:
        block = source.read(BLOCK_SIZE)
        if not block and not source.position:
            raise EmptyTar("empty file")
        if not block or block == _ZEROS:
            if source.read(BLOCK_SIZE).strip(b"\0"):
                raise TarError("data after a single block of zeros")
            if seen:
                raise TarError("an extended header without a file")
            return
        _check(block)
        kind = block[156:157]
        if kind == _GLOBAL_PAX:
            _extended_data(source, block)
        elif kind == _PAX or kind in _GNU_NAMES:
            if kind in seen:
                raise TarError("two extended headers of one kind for one file")
            seen += kind
            data = _extended_data(source, block)
            records = _records(data) if kind == _PAX else {_gnu_key(kind): data.partition(b"\0")[0]}
            if extended.keys() & records.keys():
                raise TarError("two names for one file")
            extended.update(records)
        else:
            member = _member(block, kind, extended)
            end = source.position + _padded(member.size)
            yield member
            source.skip_to(end)
            extended, seen = {}, b""


def _check(block: bytes) -> None:
    """Raise TarError unless this is a header. Its checksum counts its own bytes as spaces."""
    if len(block) < BLOCK_SIZE:
        raise TarError("unexpected end of data")
    own = block[148:156]
    total = sum(block) - sum(own) + 8 * ord(" ")
    expected = _number(own, "checksum")
    if expected != total and expected != total - 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        raise TarError("bad checksum of a header")


def _member(block: bytes, kind: bytes, extended: dict[bytes, bytes]) -> Member:
    is_posix = block[257:263] == b"ustar\0"
    name = extended.get(b"path")
    if not name:
        name = block[:100].partition(b"\0")[0]
        # GNU tar has other fields there; star marks its shorter prefix with this.
        prefix = block[345 : 476 if block[508:512] == b"tar\0" else 500].partition(b"\0")[0] if is_posix else b""
        if prefix:
            name = b"%b/%b" % (prefix, name)
    if kind in _ALSO_REGULAR:
        kind = DIRECTORY if kind == b"\0" and name.endswith(b"/") else REGULAR
    if kind == _SPARSE or any(key.startswith(b"GNU.sparse.") for key in extended):
        shown = name[:200].decode("utf-8", "backslashreplace")
        raise TarError(
            f'"{shown}" is a sparse file, which layers must not have and engines do not unpack; pack it without '
            "`--sparse`"
        )
    link = extended.get(b"linkpath") or block[157:257].partition(b"\0")[0]
    has_device = kind in (_CHARACTER_DEVICE, _BLOCK_DEVICE) and block.startswith(b"ustar", 257)
    size = _pax_or(extended, b"size", block[124:136])
    if size < 0:
        raise TarError(f"a negative size: {size}")
    return Member(
        _text(name),
        kind,
        _number(block[100:108], "mode") & 0o7777,
        _pax_or(extended, b"uid", block[108:116]),
        _pax_or(extended, b"gid", block[116:124]),
        0 if kind in _WITHOUT_CONTENT else size,
        _text(link),
        (_number(block[329:337], "device"), _number(block[337:345], "device")) if has_device else (0, 0),
    )


def _extended_data(source: Source, block: bytes) -> bytes:
    size = _number(block[124:136], "size")
    if not 0 <= size <= MAX_EXTENDED_HEADER:
        raise TarError(f"an extended header of {size:,} bytes: the limit is {MAX_EXTENDED_HEADER:,}")
    start = source.position
    data = source.read(size)
    source.skip_to(start + _padded(size))
    return data


def _gnu_key(kind: bytes) -> bytes:
    return b"path" if kind == b"L" else b"linkpath"


def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of a PAX header, "LENGTH KEY=VALUE\\n"; of two with one key, the last counts."""
    found: dict[bytes, bytes] = {}
    start = count = 0
    while start < len(data):
        count += 1
        if count > MAX_RECORDS:
            raise TarError(f"a PAX header with more than {MAX_RECORDS} records")
        length, space, _ = data[start : start + 8].partition(b" ")
        end = start + int(length) if space and length.isdigit() else 0
        key, equals, value = data[start + len(length) + 1 : end - 1].partition(b"=")
        if not start < end <= len(data) or data[end - 1] != ord("\n") or not key or not equals:
            raise TarError("a PAX header with a bad record")
        found[key] = value
        start = end
    return found


def _pax_or(extended: dict[bytes, bytes], key: bytes, field: bytes) -> int:
    value = extended.get(key)
    if not value:
        return _number(field, key.decode())
    if not _PAX_NUMBER.fullmatch(value):
        raise TarError(f"a PAX header with a bad {key.decode()}: {value!r:.40}")
    return _in_range(int(value), key.decode())


def _number(field: bytes, what: str) -> int:
    """Octal digits among spaces and NULs; or, with the highest bit set, base 256 in two's complement."""
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") - (1 << bits)
        return _in_range(value - (1 << bits) if field[0] & 0x40 else value, what)
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    try:
        if digits.isdigit():
            return int(digits, 8)
    except ValueError:
        pass
    raise TarError(f"a header with a bad {what}: {field!r:.40}")


def _in_range(value: int, what: str) -> int:
    if not -_MAX_NUMBER - 1 <= value <= _MAX_NUMBER:
        raise TarError(f"a header with a bad {what}: {value} is above {_MAX_NUMBER}")
    return value


def _text(name: bytes) -> str:
    if len(name) > MAX_NAME:
        raise TarError(f"a path of {len(name):,} bytes: the limit is {MAX_NAME:,}")
    if b"\0" in name:
        raise TarError(f"a path with a NUL: {name!r:.40}")
    return name.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return size + -size % BLOCK_SIZE

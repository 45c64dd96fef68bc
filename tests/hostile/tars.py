"""Tars and compressed streams that no tool writes, byte by byte, and large ones of few bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Union

BLOCK = 512
MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024
END = bytes(2 * BLOCK)
_MEMBER = 64 * MIB
_ZSTD_BLOCK = 128 * 1024


class Run(int):
    """A number of zero bytes."""


Part = Union[bytes, Run]


def header(
    name: bytes = b"file",
    kind: bytes = b"0",
    size: int | bytes = 0,
    *,
    link: bytes = b"",
    mode: bytes = b"0000644\0",
    devices: bytes = b"",
    prefix: bytes = b"",
    gnu: bytes = b"",
) -> bytes:
    """A header with a correct checksum. `size` as bytes is the raw field; `gnu`: GNU's fields instead of the prefix."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size if size < 8**11 else binary(size)
    magic = b"ustar  \0" if gnu else b"ustar\x0000"
    end = (gnu or prefix).ljust(167, b"\0")
    texts = name[:100].ljust(100, b"\0") + mode + b"0000000\0" * 2 + field + b"00000000000\0"
    rest = kind + link[:100].ljust(100, b"\0") + magic + bytes(64) + devices.ljust(16, b"\0")[:16]
    data = (texts + b" " * 8 + rest + end)[:BLOCK]
    return data[:148] + b"%06o\0 " % sum(data) + data[156:]


def binary(number: int, width: int = 12) -> bytes:
    """A number in GNU's format for those that are negative or too large for octal digits."""
    return (b"\xff" if number < 0 else b"\x80") + number.to_bytes(width - 1, "big", signed=number < 0)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes, data: bytes = b"", kind: bytes = b"0") -> bytes:
    return header(name, kind, len(data)) + padded(data)


def extended(records: Iterable[tuple[bytes, bytes]] | bytes, kind: bytes = b"x") -> bytes:
    """A pax header; `records` as bytes are its raw data."""
    data = records if isinstance(records, bytes) else b"".join(record(key, value) for key, value in records)
    return header(b"pax", kind, len(data)) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    size += len(str(size + len(str(size))))
    return b"%d %s=%s\n" % (size, key, value)


def sparse(real_size: int, pieces: Iterable[tuple[int, int]] = (), *, more: bool = False) -> bytes:
    """The fields of GNU's old sparse header: four pieces, whether more follow, and the size."""
    field = [number(offset) + number(size) for offset, size in pieces][:4]
    return (bytes(41) + b"".join(field).ljust(96, b"\0") + (b"\1" if more else b"\0") + number(real_size)).ljust(
        167, b"\0"
    )


def number(value: int) -> bytes:
    return b"%011o\0" % value if 0 <= value < 8**11 else binary(value)


def gzipped(*parts: Part) -> bytes:
    """A gzip stream with consecutive members: few bytes for many zeroes."""
    return b"".join(gzip.compress(part, mtime=0) if isinstance(part, bytes) else _zero_members(part) for part in parts)


def in_one_member(*parts: Part) -> bytes:
    """A gzip stream of one member, whose checksum is wrong."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = bytearray(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    for part in parts:
        if isinstance(part, bytes):
            data += packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH)
        else:
            data += _flushed_zeroes() * (part // (16 * MIB))
    return bytes(data + packer.flush() + struct.pack("<II", 0, 0))


def zstandard(*parts: Part, window_exponent: int = 7) -> bytes:
    """A zstd stream of one frame without a checksum. The window has 2 ** (10 + `window_exponent`) bytes."""
    blocks = []
    for part in parts:
        if isinstance(part, bytes):
            pieces = [part[start : start + _ZSTD_BLOCK] for start in range(0, len(part), _ZSTD_BLOCK)]
            blocks += [_zstd_block(0, len(piece)) + piece for piece in pieces]
        else:
            blocks.append((_zstd_block(1, _ZSTD_BLOCK) + b"\0") * (part // _ZSTD_BLOCK))
    return b"\x28\xb5\x2f\xfd\0" + bytes([window_exponent << 3]) + b"".join(blocks) + _zstd_block(0, 0, last=True)


def _zstd_block(kind: int, size: int, *, last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little")


@cache
def _zeroes_in_a_member(size: int) -> bytes:
    return gzip.compress(bytes(size), mtime=0)


def _zero_members(count: int) -> bytes:
    rest = count % _MEMBER
    return _zeroes_in_a_member(_MEMBER) * (count // _MEMBER) + (gzip.compress(bytes(rest), mtime=0) if rest else b"")


@cache
def _flushed_zeroes() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)

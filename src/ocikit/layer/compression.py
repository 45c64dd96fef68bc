"""Compress layers to bytes that do not depend on the machine.

Format 1: the tar is cut into blocks of 4 MiB; each becomes a gzip member or a zstd frame of its
own, one after another. To every reader that is one stream (RFC 1952, section 2.2; RFC 8878,
section 3.1). Blocks are compressed in parallel; the result does not depend on the number of
threads.

gzip is written by libdeflate, which this project pins (the packages `deflate` 0.8.1 and 0.9.0 give
equal bytes), never by the machine's zlib: zlib and zlib-ng differ, and ISA-L's output depends on
the processor. zstd's frames carry their size and a checksum.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, Callable

from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.layer.limits import FRAME_BYTES, Expansion
from ocikit.spec import media_type
from ocikit.whole_number import whole_number

# Incremented whenever equal tars would give other bytes.
FORMAT = 1

BLOCK_SIZE = 4 * 1024 * 1024
DEFAULT_THREADS = 2

# The input of one call bounds its output: deflate expands a byte to 1 KiB, zstd four bytes to 128 KiB.
_FEED: Mapping[str, int] = MappingProxyType({"gzip": 4 * 1024, "zstd": 256, "bzip2": 4 * 1024, "xz": 4 * 1024})
# The most output of one call of bzip2 and xz, which expand a byte to 1 MiB.
_TAKE = 1024 * 1024
# The largest window of a zstd frame. Engines write up to 32 MiB, `zstd --ultra -22` up to 128 MiB.
MAX_ZSTD_WINDOW = 32 * 1024 * 1024
# `xz -9` needs 65 MiB.
_MAX_XZ_MEMORY = 80 * 1024 * 1024

_LEVELS: Mapping[str, range] = MappingProxyType({"gzip": range(1, 13), "zstd": range(1, 20), "none": range(1)})
_DEFAULT_LEVELS: Mapping[str, int] = MappingProxyType({"gzip": 6, "zstd": 3, "none": 0})
_MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "gzip": media_type.OCI_LAYER_GZIP,
        "zstd": media_type.OCI_LAYER_ZSTD,
        "none": media_type.OCI_LAYER,
    }
)


@dataclass(frozen=True)
class Compression:
    """How a layer is compressed: "gzip" (level 1 to 12), "zstd" (1 to 19) or "none" (0). Raises InvalidInput."""

    kind: str = "gzip"
    level: int = 6

    def __post_init__(self) -> None:
        levels = _LEVELS.get(self.kind)
        if levels is None:
            raise InvalidInput(f'"{self.kind}" is not a compression; valid values: {", ".join(_LEVELS)}.')
        if self.level not in levels:
            raise InvalidInput(f"{self.kind} has no level {self.level}: expected {levels[0]} to {levels[-1]}.")

    @classmethod
    def parse(cls, text: str) -> Compression:
        """Read "gzip", "zstd:19" or "none". Without a level, gzip has 6 and zstd has 3. Raises InvalidInput."""
        kind, colon, level = text.partition(":")
        if not colon:
            return cls(kind, _DEFAULT_LEVELS.get(kind, 0))
        number = whole_number(level)
        if number is None:
            raise InvalidInput(f'"{text}" is not a compression: expected a level, such as "zstd:3".')
        return cls(kind, number)

    def __str__(self) -> str:
        return f"{self.kind}:{self.level}"

    @property
    def media_type(self) -> str:
        """The OCI media type of such a layer."""
        return _MEDIA_TYPES[self.kind]


def kind_of(layer_media_type: str) -> str:
    """The compression of a layer's media type; raises InvalidContent for other media types."""
    for ending, kind in (("gzip", "gzip"), ("zstd", "zstd"), ("tar", "none")):
        if layer_media_type.endswith((f".{ending}", f"+{ending}")):
            return kind
    raise InvalidContent(f'"{layer_media_type}" is not the media type of a layer.')


def blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into blocks of 4 MiB, the last one shorter; an empty stream is one block."""
    buffer = bytearray()
    empty = True
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= BLOCK_SIZE:
            yield bytes(buffer[:BLOCK_SIZE])
            del buffer[:BLOCK_SIZE]
            empty = False
    if buffer or empty:
        yield bytes(buffer)


def compress(stream: Iterable[bytes], compression: Compression, threads: int = DEFAULT_THREADS) -> Iterator[bytes]:
    """Yield a member or frame for each block of `stream` (see `blocks`), in order.

    `threads` blocks are compressed at a time, and about as many wait: memory is bounded.
    """
    if compression.kind == "none":
        yield from stream
        return
    one = _compressor(compression)
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for block in stream:
            waiting.append(pool.submit(one, block))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _compressor(compression: Compression) -> Callable[[bytes], bytes]:
    level = compression.level
    if compression.kind == "gzip":
        deflate = _imported("deflate")
        return lambda block: bytes(deflate.gzip_compress(block, level))
    zstandard = _imported("zstandard")

    def frame(block: bytes) -> bytes:
        # A compressor must not be used by two threads at the same time.
        compressor = zstandard.ZstdCompressor(
            level=level, write_content_size=True, write_checksum=True, write_dict_id=False
        )
        return bytes(compressor.compress(block))

    return frame


def decompress(chunks: Iterable[bytes], kind: str, expansion: Expansion | None = None) -> Iterator[bytes]:
    """Yield the decompressed content of `chunks`, of all members or frames, in bounded memory.

    `kind`: that of a `Compression`, or "bzip2" or "xz", which no layer has.
    `expansion` limits the size of the content and the number of members or frames; the default is that of `Limits`.
    Raises InvalidContent above that, and for a stream that is damaged, ends early or has data after its end.
    """
    expansion = expansion or Expansion()
    if kind == "none":
        return iter(chunks)
    if kind == "gzip":
        return _decompress(chunks, kind, lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), zlib.error, expansion)
    if kind == "bzip2":
        return _decompress(chunks, kind, _imported("bz2").BZ2Decompressor, OSError, expansion)
    if kind == "xz":
        lzma = _imported("lzma")
        start = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _MAX_XZ_MEMORY)
        return _decompress(chunks, kind, start, lzma.LZMAError, expansion)
    zstandard = _imported("zstandard")
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW)
    return _decompress(chunks, kind, decompressor.decompressobj, zstandard.ZstdError, expansion)


def _decompress(
    chunks: Iterable[bytes], kind: str, start: Callable[[], Any], failure: type[Exception], expansion: Expansion
) -> Iterator[bytes]:
    """`start` begins a member or frame; the decompressors of all libraries have the same interface."""
    frame = start()
    # bz2 and lzma may have more output without more input.
    in_parts = hasattr(frame, "needs_input")
    for piece in _pieces(chunks, _FEED[kind]):
        expansion.receive(len(piece))
        waiting = piece
        while waiting or (in_parts and not frame.eof and not frame.needs_input):
            if frame.eof:
                frame = start()
                expansion.expand(FRAME_BYTES)
            try:
                output = frame.decompress(waiting, _TAKE) if in_parts else frame.decompress(waiting)
            except failure as error:
                raise InvalidContent(f"not a {kind} stream: {_reason(error)}.") from None
            if output:
                expansion.expand(len(output))
                yield output
            waiting = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise InvalidContent(f"the {kind} stream ends early.")


def _reason(error: Exception) -> str:
    if "too much memory" in str(error):
        return f"a frame has a window of more than {MAX_ZSTD_WINDOW // 2**20} MiB, which readers need not support"
    return str(error)


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise OcikitError(f"the required package `{name}` cannot be imported: {error}.") from None

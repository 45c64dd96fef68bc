from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.layer.compression import BLOCK_SIZE, Compression, blocks, compress, decompress, kind_of
from ocikit.layer.limits import Expansion, Limits
from ocikit.spec import media_type

GZIP, ZSTD, NONE = Compression("gzip", 6), Compression("zstd", 3), Compression("none", 0)


def mixed(size: int) -> bytes:
    """Bytes that compress somewhat, the same ones everywhere."""
    digests = (hashlib.sha256(b"%d" % number).digest() for number in range(size // 128 + 1))
    return b"".join(digest * 4 for digest in digests)[:size]


def compressed(data: bytes, compression: Compression, threads: int = 2) -> bytes:
    return b"".join(compress(blocks([data]), compression, threads))


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("gzip", GZIP, id="gzip"),
        pytest.param("zstd", ZSTD, id="zstd"),
        pytest.param("none", NONE, id="none"),
        pytest.param("gzip:12", Compression("gzip", 12), id="gzip-12"),
        pytest.param("zstd:19", Compression("zstd", 19), id="zstd-19"),
    ],
)
def test_parse(text: str, expected: Compression) -> None:
    assert Compression.parse(text) == expected
    assert Compression.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        pytest.param("bzip2", '"bzip2" is not a compression; valid values: gzip, zstd, none', id="kind"),
        pytest.param("", '"" is not a compression', id="empty"),
        pytest.param("gzip:0", "gzip has no level 0: expected 1 to 12", id="gzip-0"),
        pytest.param("gzip:13", "gzip has no level 13", id="gzip-13"),
        pytest.param("zstd:20", "zstd has no level 20: expected 1 to 19", id="zstd-20"),
        pytest.param("none:1", "none has no level 1", id="none-1"),
        pytest.param("gzip:", "expected a level", id="no-level"),
        pytest.param("gzip:best", "expected a level", id="word"),
        pytest.param("gzip:-1", "expected a level", id="negative"),
    ],
)
def test_invalid_compressions(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Compression.parse(text)


def test_media_types() -> None:
    assert (GZIP.media_type, ZSTD.media_type, NONE.media_type) == (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.v1.tar",
    )
    assert [kind_of(c.media_type) for c in (GZIP, ZSTD, NONE)] == ["gzip", "zstd", "none"]
    assert kind_of(media_type.DOCKER_LAYER_GZIP) == "gzip"
    with pytest.raises(InvalidContent, match="not the media type of a layer"):
        kind_of(media_type.OCI_CONFIG)


@given(st.lists(st.binary(max_size=40)), st.sampled_from([GZIP, ZSTD, NONE]))
def test_round_trip(chunks: list[bytes], compression: Compression) -> None:
    data = b"".join(chunks)
    packed = b"".join(compress(blocks(chunks), compression))
    assert b"".join(decompress([packed], compression.kind)) == data
    bytewise = [packed[i : i + 1] for i in range(len(packed))]
    assert b"".join(decompress(bytewise, compression.kind)) == data


@pytest.mark.parametrize("compression", [GZIP, ZSTD], ids=str)
def test_large_streams_are_members_of_one_block_whatever_the_threads(
    compression: Compression,
) -> None:
    data = mixed(2 * BLOCK_SIZE + 1000)
    packed = compressed(data, compression, 1)
    assert packed == compressed(data, compression, 2) == compressed(data, compression, 5)
    parts = [data[i : i + BLOCK_SIZE] for i in range(0, len(data), BLOCK_SIZE)]
    assert packed == b"".join(compressed(part, compression) for part in parts)
    assert b"".join(decompress([packed], compression.kind)) == data


def test_other_readers_read_it() -> None:
    data = mixed(BLOCK_SIZE + 10)
    assert gzip.decompress(compressed(data, GZIP)) == data
    reader = zstandard.ZstdDecompressor().stream_reader(compressed(data, ZSTD), read_across_frames=True)
    assert reader.read() == data


@pytest.mark.parametrize("chunk", [1000, BLOCK_SIZE, 3 * BLOCK_SIZE], ids=str)
def test_blocks_do_not_depend_on_the_chunks_of_the_stream(chunk: int) -> None:
    data = mixed(2 * BLOCK_SIZE)
    pieces = (data[i : i + chunk] for i in range(0, len(data), chunk))
    assert [len(block) for block in blocks(pieces)] == [BLOCK_SIZE, BLOCK_SIZE]


def test_nothing_is_one_empty_member() -> None:
    assert list(blocks([])) == [b""]
    assert gzip.decompress(compressed(b"", GZIP)) == b""
    assert len(list(compress(blocks([]), ZSTD))) == 1


@pytest.mark.parametrize(
    "level, extra",
    [(1, 4), (2, 0), (6, 0), (7, 0), (8, 2), (9, 2), (12, 2)],
)
def test_the_gzip_header_has_no_time_and_system(level: int, extra: int) -> None:
    """RFC 1952, section 2.3: magic, deflate, no flags, time 0, extra flags, system 255."""
    header = compressed(b"x" * 100, Compression("gzip", level))[:10]
    assert header == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, extra, 255])


def test_a_zstd_frame_has_its_size_and_a_checksum() -> None:
    parameters = zstandard.get_frame_parameters(compressed(b"x" * 300, ZSTD))
    assert (parameters.content_size, parameters.has_checksum, parameters.dict_id) == (300, True, 0)


@pytest.mark.parametrize("compression", [GZIP, ZSTD], ids=str)
def test_damage_is_found(compression: Compression) -> None:
    packed = compressed(mixed(5000), compression)
    flipped = bytes([*packed[:-3], packed[-3] ^ 1, *packed[-2:]])
    for damaged in (b"", packed[:-1], packed[:5], flipped, packed + b"trailing", b"no" + packed):
        with pytest.raises(InvalidContent, match=f"{compression.kind} stream"):
            list(decompress([damaged], compression.kind))


@pytest.mark.parametrize("kind, packer", [("bzip2", bz2), ("xz", lzma)])
def test_compressions_of_archives_next_to_dockerfiles(kind: str, packer: Any) -> None:
    packed = packer.compress(mixed(5000))
    assert b"".join(decompress([packed, packer.compress(b"more")], kind)) == mixed(5000) + b"more"
    for damaged in (b"", packed[:-1], packed + b"trailing", b"no" + packed):
        with pytest.raises(InvalidContent, match=f"{kind} stream"):
            list(decompress([damaged], kind))
    expansion = Expansion(Limits(expansion=10**6))
    pieces = decompress([packer.compress(bytes(64 * 2**20))], kind, expansion)
    assert max(map(len, pieces)) < 16 * 2**20


@pytest.mark.parametrize("compression", [GZIP, ZSTD], ids=str)
def test_memory_stays_bounded_while_data_expands(compression: Compression) -> None:
    packed = compressed(bytes(BLOCK_SIZE), compression) * 100
    expansion = Expansion(Limits(expansion=10**6))
    assert max(len(piece) for piece in decompress([packed], compression.kind, expansion)) < 10 * 2**20


def test_no_more_blocks_are_taken_than_are_worked_on() -> None:
    taken: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(20):
            taken.append(number)
            yield b"x"

    results = compress(source(), GZIP, threads=2)
    next(results)
    assert len(taken) == 3

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent
from ocikit.layer.entry_test import PATHS, directory, file, link
from ocikit.layer.tar import write_tar
from ocikit.layer.tar_reader import MAX_EXTENDED_HEADER, MAX_NAME, MAX_RECORDS, Member, StreamSource, read_members
from ocikit.layer.tar_test import opener
from ocikit.testing.tar_parts import END, gnu, header, member, padded, pax, pax_record

Read = tuple[Member, bytes]


def read(*chunks: bytes) -> list[Read]:
    source = StreamSource(chunks)
    return [(found, b"".join(source.pieces(found.size))) for found in read_members(source)]


def one(data: bytes) -> Member:
    ((found, _),) = read(data + END)
    return found


OLD: dict[str, Any] = {"magic": b"", "version": b""}
GNU: dict[str, Any] = {"magic": b"ustar ", "version": b" \0"}
LONG = b"d/" * 100 + b"f"


@pytest.mark.parametrize(
    "data, key, value",
    [
        pytest.param(header(b"a" * 100), "name", "a" * 100, id="name-that-fills-its-field"),
        pytest.param(header(b"n", prefix=b"p/q"), "name", "p/q/n", id="prefix"),
        pytest.param(header(b"n", prefix=b"p" * 155), "name", "p" * 155 + "/n", id="prefix-that-fills-its-field"),
        pytest.param(header(b"n", prefix=b"12345670123", **GNU), "name", "n", id="no-prefix-in-gnu"),
        pytest.param(header(b"n", prefix=b"p", **OLD), "name", "n", id="no-prefix-in-v7"),
        pytest.param(
            header(b"n", prefix=b"p" * 131 + b"00000000001\0" * 2, rest=bytes(8) + b"tar\0"),
            "name",
            "p" * 131 + "/n",
            id="prefix-of-star",
        ),
        pytest.param(header(b"\xc3\xa9\xff"), "name", "é\udcff", id="not-utf-8"),
        pytest.param(header(b"d/", kind=b"\0", **OLD), "kind", b"5", id="old-directory"),
        pytest.param(header(b"d", kind=b"\0", **OLD), "kind", b"0", id="old-file"),
        pytest.param(header(b"d/", kind=b"0"), "kind", b"0", id="a-file-with-a-slash"),
        pytest.param(header(kind=b"7"), "kind", b"0", id="contiguous"),
        pytest.param(gnu(b"L", b"d/") + header(b"x", kind=b"\0"), "kind", b"5", id="old-directory-with-a-long-name"),
        pytest.param(header(kind=b"?"), "kind", b"?", id="another-kind"),
        pytest.param(header(mode=b"0107777\0"), "mode", 0o7777, id="mode-with-the-kind"),
        pytest.param(header(mode=b"   644 \0"), "mode", 0o644, id="spaces"),
        pytest.param(header(mode=b""), "mode", 0, id="no-mode"),
        pytest.param(header(uid=b"77777777"), "uid", 0o77777777, id="number-that-fills-its-field"),
        pytest.param(header(uid=b"\x80\0\0\1\0\0\0\0"), "uid", 2**32, id="base-256"),
        pytest.param(header(uid=b"\xff" * 7 + b"\xfe"), "uid", -2, id="negative-base-256"),
        pytest.param(header(mtime=b"\xff" * 12), "uid", 0, id="negative-time"),
        pytest.param(header(mtime=b"no number"), "uid", 0, id="time-is-not-read"),
        pytest.param(header(kind=b"3", devmajor=b"0000005\0", devminor=b"0000001\0"), "device", (5, 1), id="device"),
        pytest.param(header(kind=b"0", devmajor=b"no"), "device", (0, 0), id="no-device"),
        pytest.param(header(kind=b"3", devmajor=b"no", **OLD), "device", (0, 0), id="no-device-in-v7"),
        pytest.param(header(kind=b"2", linkname=b"../x"), "link", "../x", id="link"),
        pytest.param(header(size=5, kind=b"1"), "size", 0, id="hard-link-with-a-size"),
        pytest.param(header(size=5, kind=b"5"), "size", 0, id="directory-with-a-size"),
        pytest.param(gnu(b"L", LONG) + header(), "name", LONG.decode(), id="gnu-name"),
        pytest.param(gnu(b"K", LONG) + header(kind=b"2"), "link", LONG.decode(), id="gnu-link"),
        pytest.param(gnu(b"L", b"n") + gnu(b"K", LONG) + header(kind=b"2"), "name", "n", id="gnu-name-and-link"),
        pytest.param(gnu(b"L", b"n\0rest") + header(), "name", "n", id="gnu-name-ends-at-nul"),
        pytest.param(gnu(b"L", b"n") + header(prefix=b"p"), "name", "n", id="gnu-name-and-prefix"),
        pytest.param(pax((b"path", LONG)) + header(b"x", prefix=b"p"), "name", LONG.decode(), id="pax-name"),
        pytest.param(pax((b"path", b"a=b\nc")) + header(), "name", "a=b\nc", id="pax-name-with-anything"),
        pytest.param(pax((b"path", b"\xff")) + header(), "name", "\udcff", id="pax-name-not-utf-8"),
        pytest.param(
            pax((b"hdrcharset", b"BINARY"), (b"path", b"\xff")) + header(), "name", "\udcff", id="pax-name-binary"
        ),
        pytest.param(pax((b"path", b"a"), (b"path", b"b")) + header(), "name", "b", id="last-of-two-records"),
        pytest.param(pax((b"path", b"")) + header(b"x"), "name", "x", id="empty-value"),
        pytest.param(pax((b"uid", b"")) + header(uid=b"5"), "uid", 5, id="empty-number"),
        pytest.param(pax((b"SCHILY.xattr.user.overlay.origin", b"")) + header(b"x"), "name", "x", id="overlay"),
        pytest.param(pax((b"uid", b"4294967294")) + header(), "uid", 4294967294, id="pax-uid"),
        pytest.param(pax((b"gid", b"-1")) + header(gid=b"bad"), "gid", -1, id="pax-gid-instead-of-a-bad-one"),
        pytest.param(pax((b"mtime", b"-1.5")) + header(), "mode", 0o644, id="pax-time"),
        pytest.param(pax((b"linkpath", LONG)) + header(kind=b"1"), "link", LONG.decode(), id="pax-link"),
        pytest.param(pax((b"size", b"3")) + header(size=99) + padded(b"abc"), "size", 3, id="pax-size"),
        pytest.param(pax((b"path", b"all"), kind=b"g") + header(b"x"), "name", "x", id="global-header"),
        pytest.param(pax((b"comment", b"a" * 50), kind=b"g") * 99 + header(b"x"), "name", "x", id="global-headers"),
        pytest.param(
            pax((b"path", b"n")) + pax((b"path", b"g"), kind=b"g") + header(b"x"), "name", "n", id="global-in-between"
        ),
    ],
)
def test_a_member(data: bytes, key: str, value: object) -> None:
    assert getattr(one(data), key) == value


def signed_checksum(block: bytes) -> bytes:
    total = sum(byte - 256 * (byte > 127) for byte in block[:148] + b" " * 8 + block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


def test_a_checksum_of_signed_bytes() -> None:
    assert one(signed_checksum(header(b"\xc3\xa9" + b"a" * 90))).name[0] == "é"


@pytest.mark.parametrize(
    "end", [b"", END, END + b"anything at all", bytes(512), bytes(700), END * 20], ids=lambda end: str(len(end))
)
def test_how_a_tar_ends(end: bytes) -> None:
    data = member(b"a", b"hello")
    assert [(found.name, content) for found, content in read(data + end)] == [("a", b"hello")]


def test_numbers_may_have_nuls_before_them() -> None:
    """As in Go; a reader that reads this as 0 reads content as headers."""
    data = header_of_size(b"0", b"\0\0 0000005\0\0") + b"hello".ljust(512, b"\0") + header(b"b") + END
    assert [found.size for found, _ in read(data)] == [5, 0]


def test_a_tar_without_members() -> None:
    assert read(END) == read(bytes(512)) == []


def test_unread_content_is_skipped() -> None:
    data = member(b"a", b"x" * 1000) + member(b"b", b"y" * 512) + member(b"c") + END
    assert [found.name for found in read_members(StreamSource([data]))] == ["a", "b", "c"]
    source = StreamSource([data])
    assert [b"".join(source.pieces(min(1, found.size))) for found in read_members(source)] == [b"x", b"y", b""]


@given(st.lists(st.integers(0, 700), max_size=20))
def test_any_chunks_give_the_same(cuts: list[int]) -> None:
    data = pax((b"path", LONG)) + member(b"a", b"x" * 1000) + gnu(b"L", b"b") + member(b"b") + END
    chunks, start = [], 0
    for cut in cuts:
        chunks.append(data[start : start + cut])
        start += cut
    assert read(*chunks, data[start:]) == read(data)


HUGE = b"\x80" + b"\x7f" * 11
SPARSE = (b"GNU.sparse.realsize", b"1152921504606846976")

BAD = [
    pytest.param(b"", "empty file", id="nothing"),
    pytest.param(b"text" * 200, "bad checksum", id="text"),
    pytest.param(header()[:511], "unexpected end of data", id="cut-in-a-header"),
    pytest.param(header(size=5), "unexpected end of data", id="cut-before-content"),
    pytest.param(member(b"a", b"x" * 900)[:-1], "unexpected end of data", id="cut-in-padding"),
    pytest.param(header(chksum=b"0000000\0"), "bad checksum", id="checksum"),
    pytest.param(header(chksum=b"text"), "bad checksum", id="checksum-that-is-not-a-number"),
    pytest.param(member(b"a", b"x") + b"y" * 512, "bad checksum", id="garbage-between-members"),
    pytest.param(header() + bytes(512) + header(b"b") + END, "data after a single block of zeros", id="lone-zeros"),
    pytest.param(header(size=0, uid=b"9999999\0"), "a header with a bad uid", id="not-octal"),
    pytest.param(header(size=0, mode=b"-000001\0"), "a header with a bad mode", id="minus"),
    pytest.param(header(size=0, gid=b"0o17\0"), "a header with a bad gid", id="prefix-of-python"),
    pytest.param(header(size=0, gid=b"1_7\0"), "a header with a bad gid", id="underscore"),
    pytest.param(header(kind=b"4", devmajor=b"x"), "a header with a bad device", id="device"),
    pytest.param(header(size=0).replace(b"00000000000\0", HUGE, 1), "bad checksum", id="size-without-checksum"),
    pytest.param(pax((b"size", b"-1")) + header(), "a negative size: -1", id="negative-pax-size"),
    pytest.param(pax((b"size", b"9" * 19)) + header(), "bad size: 9999999999999999999 is above", id="pax-size"),
    pytest.param(pax((b"size", b"9" * 300)) + header(), "a PAX header with a bad size", id="300-digits"),
    pytest.param(pax((b"size", b"1e3")) + header(), "a PAX header with a bad size", id="float"),
    pytest.param(pax((b"uid", "٣".encode())) + header(), "a PAX header with a bad uid", id="arabic-digit"),
    pytest.param(pax((b"gid", b" 5")) + header(), "a PAX header with a bad gid", id="space"),
    pytest.param(pax((b"size", str(2**60).encode())) + header(), "unexpected end of data", id="size-of-2-to-the-60"),
    pytest.param(member(b"P", b"x", b"x") + header(), "a PAX header with a bad record", id="not-a-record"),
    pytest.param(member(b"P", b"5 a=\n6 b=\n", b"x") + header(), "bad record", id="record-too-short"),
    pytest.param(member(b"P", b"99 a=\n", b"x") + header(), "bad record", id="record-too-long"),
    pytest.param(member(b"P", b"0 a=\n", b"x") + header(), "bad record", id="record-of-nothing"),
    pytest.param(member(b"P", b"-5 a=b\n", b"x") + header(), "bad record", id="record-backwards"),
    pytest.param(member(b"P", b"9999999999 a=b\n", b"x") + header(), "bad record", id="record-of-many-digits"),
    pytest.param(member(b"P", b"6 a=bc", b"x") + header(), "bad record", id="record-without-its-end"),
    pytest.param(member(b"P", b"5 =b\n", b"x") + header(), "bad record", id="record-without-a-key"),
    pytest.param(member(b"P", b"5 ab\n", b"x") + header(), "bad record", id="record-without-a-value"),
    pytest.param(member(b"P", b"5 a=\n\0\0", b"x") + header(), "bad record", id="record-behind-the-last"),
    pytest.param(pax((b"path", b"a\0b")) + header(), "a path with a NUL", id="nul-in-a-name"),
    pytest.param(
        pax((b"path", b"a" * (MAX_NAME + 1))) + header(), "a path of 4,097 bytes: the limit is 4,096", id="4k"
    ),
    pytest.param(gnu(b"L", b"a/" * 250_000) + header(), "a path of 500,000 bytes", id="250,000-components"),
    pytest.param(gnu(b"K", b"a/" * 250_000) + header(kind=b"2"), "a path of 500,000 bytes", id="long-link"),
    pytest.param(
        header(b"P", MAX_EXTENDED_HEADER + 1, b"x"), "extended header of 1,048,577 bytes: the limit", id="pax-1-mib"
    ),
    pytest.param(header(b"P", 2**30, b"g"), "an extended header of 1,073,741,824 bytes", id="global-1-gib"),
    pytest.param(header(b"P", 2**30, b"L"), "an extended header of 1,073,741,824 bytes", id="gnu-name-1-gib"),
    pytest.param(header(b"P", 2**30, b"K"), "an extended header of 1,073,741,824 bytes", id="gnu-link-1-gib"),
    pytest.param(pax(*[(b"k", b"")] * (MAX_RECORDS + 1)), "more than 128 records", id="records"),
    pytest.param(pax((b"path", b"a")) * 2 + header(), "two extended headers of one kind", id="two-pax-headers"),
    pytest.param(gnu(b"L", b"a") * 5000 + header(), "two extended headers of one kind", id="5,000-gnu-headers"),
    pytest.param(pax((b"uid", b"1")) * 5000 + header(), "two extended headers of one kind", id="5,000-pax-headers"),
    pytest.param(gnu(b"L", b"a") + pax((b"path", b"b")) + header(), "two names for one file", id="two-names"),
    pytest.param(pax((b"linkpath", b"b")) + gnu(b"K", b"a") + header(), "two names for one file", id="two-links"),
    pytest.param(pax((b"path", b"a")) + END, "an extended header without a file", id="pax-header-at-the-end"),
    pytest.param(gnu(b"L", b"a"), "an extended header without a file", id="gnu-header-at-the-end"),
    pytest.param(header(b"s", 0, b"S", **GNU), '"s" is a sparse file', id="sparse-gnu"),
    pytest.param(
        pax((b"GNU.sparse.size", b"9"), (b"GNU.sparse.numblocks", b"1")) + header(), "sparse", id="sparse-0.0"
    ),
    pytest.param(pax((b"GNU.sparse.map", b"0,1,x")) + header(), "sparse file", id="sparse-0.1"),
    pytest.param(
        pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), SPARSE) + header(), "sparse file", id="sparse-1.0"
    ),
]


@pytest.mark.parametrize("data, text", BAD)
def test_what_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(InvalidContent, match=text):
        read(data)


@pytest.mark.parametrize("first", [b"\x80", b"\xff", b"\xc0"], ids=["huge", "minus-one", "least"])
@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"g"], ids=["file", "pax", "gnu", "global"])
def test_sizes_in_base_256(first: bytes, kind: bytes) -> None:
    with pytest.raises(InvalidContent, match="bad size|negative size|an extended header of"):
        read(header_of_size(kind, first + b"\xff" * 11))


def header_of_size(kind: bytes, field: bytes) -> bytes:
    block = header(b"a", kind=kind)
    block = block[:124] + field + block[136:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


# `tarfile` is the judge. It differs from our reader:
# * It goes by the type flag alone where GNU's headers have no prefix, and knows none of star's.
# * It treats damage after the first member as the end of the tar.
# * It applies global headers; engines do not.
NAMES = st.one_of(
    PATHS,
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=300),
    st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"\0", b"?").decode("utf-8", "surrogateescape")),
)
KINDS = (
    *(tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
)
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@st.composite
def infos(draw: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(NAMES))
    info.type = draw(st.sampled_from(KINDS))
    info.mode = draw(st.integers(0, 0o7777))
    info.uid = draw(st.sampled_from([0, 1000, 2**21 - 1, 2**21, 2**32 - 2]))
    info.gid = draw(st.integers(0, 2**40))
    info.mtime = draw(st.sampled_from([0, -1, 2**33, 1.5]))
    content = draw(st.binary(max_size=1100)) if info.isreg() else b""
    info.size = len(content)
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = draw(NAMES)
    if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = draw(st.integers(0, 4095)), draw(st.integers(0, 4095))
    return info, content


def written(members: Iterable[tuple[tarfile.TarInfo, bytes]], tar_format: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=tar_format, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, content in members:
            # Members that a format cannot express are left out.
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:
                continue
    return stream.getvalue()


def as_tarfile_reads(data: bytes) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            content = stream.read() if stream else b""
            device = (info.devmajor, info.devminor) if info.isdev() and not info.isfifo() else (0, 0)
            kind = b"0" if info.isreg() else info.type
            numbers = (info.mode & 0o7777, info.uid, info.gid)
            found.append((info.name.rstrip("/"), kind, *numbers, info.linkname, device, content))
    return found


def as_we_read(data: bytes) -> list[tuple[object, ...]]:
    return [
        (found.name.rstrip("/"), found.kind, found.mode, found.uid, found.gid, found.link, found.device, content)
        for found, content in read(data)
    ]


@given(st.lists(infos(), max_size=4), st.sampled_from(sorted(FORMATS)))
def test_tarfile_reads_the_same(members: list[tuple[tarfile.TarInfo, bytes]], tar_format: str) -> None:
    data = written(members, FORMATS[tar_format])
    assert as_we_read(data) == [(str(row[0]).rstrip("/"), *row[1:]) for row in as_tarfile_reads(data)]


@given(st.dictionaries(PATHS, st.binary(max_size=600), max_size=4), PATHS, st.integers(0, 2**32 - 2))
def test_what_we_write(files: dict[str, bytes], target: str, owner: int) -> None:
    entries = [file(path, source=path, uid=owner) for path in files]
    data = b"".join(write_tar([*entries, directory("d-" + "x" * 120), link("l", target)], opener(files)))
    assert as_we_read(data) == as_tarfile_reads(data)


PARTS = [
    *(header(b"a"), member(b"b", b"x" * 600), header(b"l", kind=b"2", linkname=b"x"), header(b"d/", kind=b"5")),
    *(pax((b"path", b"n" * 200), (b"size", b"3")), pax((b"GNU.sparse.map", b"0,1")), pax((b"uid", b"1"), kind=b"g")),
    *(gnu(b"L", b"n" * 200), gnu(b"K", b"l" * 200), header(b"s", 512, b"S", **GNU), END, bytes(512), padded(b"text")),
    *(header(b"c", size=10, uid=b"\xff" * 8), pax_record(b"a", b"b"), header(b"v", kind=b"V")),
]


@given(st.lists(st.sampled_from(PARTS), max_size=6), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255))))
def test_damage_raises_nothing_else(parts: list[bytes], changes: list[tuple[int, int]]) -> None:
    data = bytearray(b"".join(parts))
    for place, value in changes:
        if place < len(data):
            data[place] = value
    for start in range(0, len(data) - 511, 512):
        if bytes(data[start + 257 : start + 262]) == b"ustar":
            # Otherwise only the checksum would be tested.
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    with suppress(InvalidContent):
        read(bytes(data))


@given(st.binary(max_size=2000))
def test_anything_raises_nothing_else(data: bytes) -> None:
    with suppress(InvalidContent):
        read(data)

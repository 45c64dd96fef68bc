from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.entry_test import PATHS, directory, file, link
from ocikit.layer.tar import FileOpener, header, write_tar

IDS = st.one_of(st.integers(0, 2**32 - 2), st.sampled_from([2**21 - 1, 2**21]))


def opener(contents: Mapping[str, bytes], announced: int = -1) -> FileOpener:
    @contextmanager
    def open_file(entry: Entry) -> Iterator[tuple[int, BinaryIO]]:
        content = contents[entry.source]
        yield (len(content) if announced < 0 else announced), io.BytesIO(content)

    return open_file


def tar(entries: Sequence[Entry], contents: Mapping[str, bytes]) -> bytes:
    return b"".join(write_tar(entries, opener(contents)))


def read_back(data: bytes) -> list[tuple[Entry, bytes]]:
    """Read the entries with another reader, Python's own."""
    found = []
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink"}
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="strict") as archive:
        for member in archive:
            assert (member.mtime, member.uname, member.gname) == (0, "", "")
            kind = kinds[member.type]
            stream = archive.extractfile(member) if kind == "file" else None
            source = member.name if kind == "file" else ""
            target = member.linkname
            entry = Entry(member.name, kind, member.mode, member.uid, member.gid, source, target)
            found.append((entry, stream.read() if stream else b""))
    return found


@given(
    st.dictionaries(PATHS, st.tuples(st.sampled_from(["file", "symlink"]), IDS), max_size=8),
    st.binary(max_size=1025),
)
def test_another_reader_sees_the_entries(paths: Mapping[str, tuple[str, int]], data: bytes) -> None:
    entries = []
    for path, (kind, uid) in paths.items():
        if any(other.startswith(f"{path}/") for other in paths):
            continue
        if kind == "file":
            entries.append(file(path, uid=uid, gid=uid // 2))
        else:
            entries.append(Entry(path, kind, 0o777, uid, uid, target=f"/no such directory/{path}"))
    arranged = arrange(entries)
    contents = {e.source: data for e in arranged if e.source}
    found = read_back(tar(arranged, contents))
    assert found == [(e, contents.get(e.source, b"")) for e in arranged]


LONG = {
    "100": "d" * 49 + "/" + "f" * 50,
    "101-split": "d" * 50 + "/" + "f" * 50,
    "prefix-155": "d" * 155 + "/" + "f" * 100,
    "prefix-156": "d" * 156 + "/" + "f" * 100,
    "name-101": "d/" + "f" * 101,
    "one-part-200": "f" * 200,
    "deep-1000": "/".join(["dir"] * 250),
    "umlauts": "ü/ä",
}


@pytest.mark.parametrize("path", [pytest.param(path, id=name) for name, path in LONG.items()])
def test_long_and_foreign_names_are_read_back(path: str) -> None:
    for entry in (file(path), directory(path), link("a", path)):
        assert read_back(tar([entry], {path: b"x"}))[0][0] == entry


@pytest.mark.parametrize(
    "entry, size, records",
    [
        pytest.param(file(LONG["100"]), 0, b"", id="100-bytes"),
        pytest.param(directory("d" * 99), 0, b"", id="directory-100-bytes"),
        pytest.param(directory("d" * 100), 0, b"path=", id="directory-101-bytes"),
        pytest.param(file(LONG["101-split"]), 0, b"", id="split"),
        pytest.param(file(LONG["prefix-155"]), 0, b"", id="split-at-the-limit"),
        pytest.param(file(LONG["prefix-156"]), 0, b"path=", id="prefix-too-long"),
        pytest.param(file(LONG["name-101"]), 0, b"path=", id="name-too-long"),
        pytest.param(file("ü"), 0, b"path=", id="not-ascii"),
        pytest.param(link("a", "t" * 100), 0, b"", id="link-100-bytes"),
        pytest.param(link("a", "t" * 101), 0, b"linkpath=", id="link-101-bytes"),
        pytest.param(link("a", "ü"), 0, b"linkpath=", id="link-not-ascii"),
        pytest.param(file("a"), 8 * 2**30 - 1, b"", id="below-8-gib"),
        pytest.param(file("a"), 8 * 2**30, b"19 size=8589934592\n", id="8-gib"),
        pytest.param(file("a", uid=2**21 - 1), 0, b"", id="uid-fits"),
        pytest.param(file("a", uid=2**21), 0, b"15 uid=2097152\n", id="uid-too-large"),
        pytest.param(file("a", gid=2**21), 0, b"15 gid=2097152\n", id="gid-too-large"),
    ],
)
def test_an_extended_header_only_where_it_is_needed(entry: Entry, size: int, records: bytes) -> None:
    blocks = header(entry, size)
    if not records:
        assert len(blocks) == 512
    else:
        assert blocks[156:157] == b"x"
        assert records in blocks[512:-512]
    with tarfile.open(fileobj=io.BytesIO(blocks)) as archive:
        parsed = archive.next()
    assert parsed and (parsed.name, parsed.size) == (entry.path, size)


def test_a_header_is_these_bytes() -> None:
    entry = Entry("app/run.sh", "file", 0o755, 1000, 1001, source="x")
    assert header(entry, 5) == (
        b"app/run.sh".ljust(100, b"\0")
        + b"0000755\0" + b"0001750\0" + b"0001751\0" + b"00000000005\0" + b"00000000000\0"
        + b"011156\0 " + b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(64)
        + b"0000000\0" + b"0000000\0" + bytes(155) + bytes(12)
    )  # fmt: skip


@pytest.mark.parametrize("length", [1, 92, 93, 94, 989, 990, 991, 9988, 9989, 9990, 9991])
def test_the_length_of_a_record_counts_its_own_digits(length: int) -> None:
    entry = link("a", "ü" + "t" * length)
    assert read_back(tar([entry], {}))[0][0] == entry


def test_nothing_is_two_empty_blocks_and_files_fill_blocks() -> None:
    assert tar([], {}) == bytes(1024)
    for size, blocks in ((0, 3), (1, 4), (512, 4), (513, 5)):
        assert len(tar([file("a")], {"a": b"x" * size})) == blocks * 512


@pytest.mark.parametrize(
    "announced, message",
    [
        pytest.param(3, '"a" changed while it was read: expected 3 bytes, got more.', id="grown"),
        pytest.param(9, '"a" changed while it was read: expected 9 bytes, got 5.', id="shrunk"),
    ],
)
def test_a_file_that_changes_while_it_is_read(announced: int, message: str) -> None:
    with pytest.raises(InvalidContent, match=message):
        list(write_tar([file("a")], opener({"a": b"12345"}, announced)))

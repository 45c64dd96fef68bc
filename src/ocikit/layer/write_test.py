from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from ocikit.errors import InvalidContent, NotFound, OcikitError
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry
from ocikit.layer.entry_test import directory, file, link
from ocikit.layer.layer import Layer
from ocikit.layer.write import build_layer

GZIP = Compression("gzip", 6)


def build(tmp_path: Path, entries: list[Entry], compression: Compression = GZIP) -> Layer:
    sources, output = str(tmp_path / "sources"), str(tmp_path / "output")
    return build_layer(entries, sources, output, compression, "a:a")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    path = tmp_path / "sources"
    path.mkdir()
    (path / "hello").write_bytes(b"hello\n")
    return path


@pytest.mark.parametrize("text", ["gzip", "zstd", "none"])
def test_the_blob_is_where_its_digest_says(tmp_path: Path, sources: Path, text: str) -> None:
    layer = build(tmp_path, [file("app/hello", source="hello")], Compression.parse(text))
    (found,) = [path for path in (tmp_path / "output").rglob("*") if path.is_file()]
    data = found.read_bytes()
    assert found == tmp_path / "output/blobs/sha256" / hashlib.sha256(data).hexdigest()
    assert str(layer.descriptor.digest) == f"sha256:{found.name}"
    assert layer.descriptor.size == len(data)
    assert layer.history.created_by == "a:a"
    assert found.stat().st_mode & 0o777 == 0o644


def test_the_diff_id_is_the_digest_of_the_tar(tmp_path: Path, sources: Path) -> None:
    layer = build(tmp_path, [file("hello"), link("l", "hello"), directory("d", 0o700)])
    data = (tmp_path / "output/blobs/sha256" / layer.descriptor.digest.hex).read_bytes()
    tar = gzip.decompress(data)
    assert layer.diff_id.hex == hashlib.sha256(tar).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["d", "hello", "l"]


def test_modes_times_and_links_of_the_sandbox_do_not_count(tmp_path: Path, sources: Path) -> None:
    first = build(tmp_path, [file("hello")])
    (sources / "hello").rename(sources / "elsewhere")
    (sources / "hello").symlink_to("elsewhere")
    (sources / "elsewhere").chmod(0o555)
    os.utime(sources / "elsewhere", (1, 1))
    assert build(tmp_path, [file("hello")]) == first


def test_files_with_any_names_are_found(tmp_path: Path, sources: Path) -> None:
    (sources / "ünï 漢").write_bytes(b"x")
    assert build(tmp_path, [file("a", source="ünï 漢")]).descriptor.size > 0


def nothing_is_left(tmp_path: Path) -> bool:
    return not [path for path in (tmp_path / "output").rglob("*") if not path.is_dir()]


def test_a_missing_file(tmp_path: Path, sources: Path) -> None:
    with pytest.raises(NotFound, match='"src/gone", the source of "/app/gone", does not exist'):
        build(tmp_path, [file("app/gone", source="src/gone")])
    assert nothing_is_left(tmp_path)


def test_a_directory_instead_of_a_file(tmp_path: Path, sources: Path) -> None:
    (sources / "d").mkdir()
    with pytest.raises(OcikitError, match='cannot read "d" for "/d": Is a directory'):
        build(tmp_path, [file("d")])
    assert nothing_is_left(tmp_path)


def test_a_file_that_says_it_is_empty_and_is_not(tmp_path: Path, sources: Path) -> None:
    (sources / "version").symlink_to("/proc/version")
    with pytest.raises(InvalidContent, match="changed while it was read"):
        build(tmp_path, [file("version")])
    assert nothing_is_left(tmp_path)


def test_an_output_directory_that_is_a_file(tmp_path: Path, sources: Path) -> None:
    (tmp_path / "output").write_bytes(b"")
    with pytest.raises(OcikitError, match="cannot write below .*output/blobs/sha256"):
        build(tmp_path, [file("hello")])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own full device takes the place of the temporary file."""

    def on_full_device(prefix: str, dir: str) -> tuple[int, str]:  # noqa: A002 - as mkstemp has it
        path = os.path.join(dir, prefix)
        os.symlink("/dev/full", path)
        return os.open(path, os.O_WRONLY), path

    monkeypatch.setattr("tempfile.mkstemp", on_full_device)
    with pytest.raises(OcikitError, match=os.strerror(errno.ENOSPC)):
        build(tmp_path, [file("hello")])
    assert nothing_is_left(tmp_path)

"""Other tools confirm what golden/digests.json says; each test needs its tool."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from golden_test import COMPRESSIONS, GOLDEN, cases

from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry, arrange
from ocikit.layer.write import build_layer


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def output_of(*command: str) -> bytes:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def write_tree(root: Path, entries: list[Entry], contents: dict[str, bytes]) -> None:
    for entry in entries:
        path = root / entry.path
        if entry.kind == "directory":
            path.mkdir()
        elif entry.kind == "symlink":
            path.symlink_to(entry.target)
        else:
            path.write_bytes(contents[entry.source])
        if entry.kind != "symlink":
            path.chmod(entry.mode)


def gnu_tar(root: Path, entry: Entry, directory: Path) -> bytes:
    """The tar of one entry, without the two blocks at its end."""
    options = ["--format=ustar", "--numeric-owner", "--mtime=@0", "--no-recursion", "-b1"]
    owner = [f"--owner={entry.uid}", f"--group={entry.gid}"]
    return output_of("tar", "-C", str(root), *options, *owner, "-cf", "-", entry.path)[:-1024]


@needs("tar")
@pytest.mark.parametrize("name", ["nothing", "application", "blocks"])
def test_gnu_tar_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    entries, contents = cases()[name]
    arranged = list(arrange(entries))
    root = tmp_path / "root"
    root.mkdir()
    write_tree(root, arranged, contents)
    data = b"".join(gnu_tar(root, entry, tmp_path) for entry in arranged) + bytes(1024)
    expected = json.loads(GOLDEN.read_text())["cases"][name]["tar"]
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == expected


@needs("tar")
def test_gnu_tar_reads_long_and_foreign_names(tmp_path: Path) -> None:
    entries, contents = cases()["names"]
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    layer = build_layer(entries, str(tmp_path), str(tmp_path), Compression("none", 0), "golden")
    blob = tmp_path / "blobs" / "sha256" / layer.descriptor.digest.hex
    options = ["--numeric-owner", "--quoting-style=literal", "--show-transformed-names"]
    lines = output_of("tar", *options, "-tvf", str(blob)).decode().splitlines()
    for entry, line in zip(arrange(entries), lines):
        name = entry.path + ("/" if entry.kind == "directory" else "")
        name += f" -> {entry.target}" if entry.target else ""
        assert line.endswith(f" {name}")
        assert line.split()[1] == f"{entry.uid}/{entry.gid}"


@needs("gzip", "zstd")
@pytest.mark.parametrize("name", sorted(cases()))
def test_gzip_and_zstd_restore_the_tar(name: str, tmp_path: Path) -> None:
    entries, contents = cases()[name]
    golden = json.loads(GOLDEN.read_text())["cases"][name]
    for source, content in contents.items():
        (tmp_path / source).write_bytes(content)
    for text in COMPRESSIONS:
        compression = Compression.parse(text)
        build_layer(entries, str(tmp_path), str(tmp_path), compression, "golden")
        blob = tmp_path / "blobs" / "sha256" / golden[text].partition(":")[2]
        reader = ["cat"] if compression.kind == "none" else [compression.kind, "-dc"]
        with open(blob, "rb") as stream:
            data = subprocess.run(reader, stdin=stream, check=True, stdout=subprocess.PIPE).stdout
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == golden["tar"]
        assert output_of("sha256sum", os.fspath(blob)).startswith(blob.name.encode())

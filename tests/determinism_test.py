"""Equality of a layer built in different surroundings: entry by entry, then byte by byte.

`OCIKIT_TEST_PYTHONS` names more interpreters, separated by ":", that have the requirements.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ocikit.errors

SOURCE_ROOT = str(Path(ocikit.errors.__file__).parents[1])
PYTHONS = [sys.executable, *filter(None, os.environ.get("OCIKIT_TEST_PYTHONS", "").split(":"))]
COMPRESSIONS = ("gzip:6", "zstd:3", "none")

BUILD = """
import json, os, sys
from ocikit.layer.write import build_layer
from ocikit.layer.compression import Compression
from ocikit.layer.placement import Owner, Placement, Source, place

sources, output, compression, order, threads = sys.argv[1:]
found = []
for folder, folders, files in os.walk(os.fsencode(sources)):
    for name in files:
        path = os.path.relpath(os.path.join(folder, name), os.fsencode(sources)).decode("utf-8")
        found.append(Source(path, "a:a", executable=path.endswith(".sh")))
found.sort(key=lambda source: source.path, reverse=order == "backwards")
placement = Placement("/app", owner=Owner(1000, 1000), symlinks={"link": "a.sh"})
entries = place(found, placement)
layer = build_layer(entries, sources, output, Compression.parse(compression), "test", int(threads))
print(json.dumps(layer.to_json(), sort_keys=True))
"""

MEMORY = """
import sys
from ocikit.layer.write import build_layer
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry

entry = Entry("large", "file", 0o644, 0, 0, source="large")
build_layer([entry], sys.argv[1], sys.argv[1], Compression.parse(sys.argv[2]), "test")
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def run(python: str, script: str, *arguments: str, **options: Any) -> str:
    environment = {**options.pop("env", {}), "PYTHONPATH": SOURCE_ROOT, "PATH": os.defpath}
    command = [*options.pop("wrapper", ()), python, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()
    return str(done.stdout.decode())


def write_sources(directory: Path, backwards: bool = False, seconds: int = 1, mode: int = 0) -> None:
    files = {f"package{n}/module{n}.py": b"value = %d\n" % n * 500 for n in range(40)}
    files.update({"a.sh": b"#!/bin/sh\n", "ünï.txt": b"x", "I.txt": b"", "i.txt": b""})
    files["large.bin"] = b"".join(b"%d," % n for n in range(700_000))
    for path in sorted(files, reverse=backwards):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[path])
        os.utime(target, (seconds, seconds))
        if mode:
            target.chmod(mode)


def members(blob: Path) -> list[tuple[Any, ...]]:
    """The members of a tar of any compression but zstd, so that a failure names the file."""
    with tarfile.open(blob) as archive:
        return [(m.name, m.type, m.mode, m.uid, m.gid, m.mtime, m.linkname, m.size) for m in archive]


def build(
    directory: Path, compression: str, python: str, sources: Path, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], Path]:
    settings = dict(settings)
    order, threads = settings.pop("order", "forwards"), settings.pop("threads", "2")
    arguments = (str(sources), str(directory), compression, order, threads)
    printed = run(python, BUILD, *arguments, **settings)
    layer: dict[str, Any] = json.loads(printed)
    digest = layer["descriptor"]["digest"]
    return layer, directory / "blobs" / "sha256" / digest.partition(":")[2]


def set_umask() -> None:
    os.umask(0o077)


SURROUNDINGS = [
    pytest.param({"env": {"PYTHONHASHSEED": "1"}}, {}, id="hash-seed"),
    pytest.param({"preexec_fn": set_umask}, {}, id="umask"),
    pytest.param({"env": {"TZ": "Pacific/Kiritimati"}}, {}, id="time-zone"),
    pytest.param({"env": {"LC_ALL": "C"}}, {}, id="locale-c"),
    pytest.param({"env": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}}, {}, id="locale-posix"),
    pytest.param({"env": {"LC_ALL": "tr_TR.UTF-8"}}, {}, id="locale-turkish"),
    pytest.param({"env": {"SOURCE_DATE_EPOCH": "1700000000"}}, {}, id="source-date-epoch"),
    pytest.param({"env": {"HOME": "/nowhere", "USER": "nobody"}}, {}, id="user"),
    pytest.param({"cwd": "/"}, {}, id="working-directory"),
    pytest.param({"wrapper": ("faketime", "2001-02-03 04:05:06")}, {}, id="clock"),
    pytest.param({"threads": "1"}, {}, id="one-thread"),
    pytest.param({"threads": "7"}, {}, id="seven-threads"),
    pytest.param({"order": "backwards"}, {"backwards": True}, id="directory-order"),
    pytest.param({}, {"seconds": 1_700_000_000}, id="file-times"),
    pytest.param({}, {"mode": 0o555}, id="file-modes"),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], Path]]:
    """The layer and its blob by compression, as the running Python builds them."""
    directory = tmp_path_factory.mktemp("plain")
    write_sources(directory / "sources")
    return {
        compression: build(directory, compression, sys.executable, directory / "sources", {})
        for compression in COMPRESSIONS
    }


@pytest.mark.parametrize("settings, changes", SURROUNDINGS)
def test_surroundings_do_not_matter(
    settings: dict[str, Any], changes: dict[str, Any], tmp_path: Path, plain: Any
) -> None:
    sources = tmp_path / "elsewhere" / "sources"
    write_sources(sources, **changes)
    same_layers(tmp_path, sys.executable, sources, settings, plain)


@pytest.mark.parametrize("python", [pytest.param(p, id=p.replace(os.sep, "-")) for p in PYTHONS])
def test_the_version_of_python_does_not_matter(python: str, tmp_path: Path, plain: Any) -> None:
    write_sources(tmp_path / "sources")
    same_layers(tmp_path, python, tmp_path / "sources", {}, plain)


def same_layers(directory: Path, python: str, sources: Path, settings: dict[str, Any], plain: Any) -> None:
    for compression in COMPRESSIONS:
        expected, expected_blob = plain[compression]
        found, found_blob = build(directory, compression, python, sources, settings)
        if not compression.startswith("zstd"):
            assert members(found_blob) == members(expected_blob)
        assert found == expected
        assert found_blob.read_bytes() == expected_blob.read_bytes()


@pytest.mark.parametrize("compression", ["gzip:1", "zstd:1"])
def test_memory_does_not_grow_with_the_files(compression: str, tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as stream:
        stream.truncate(600 * 1024 * 1024)
    kilobytes = int(run(sys.executable, MEMORY, str(tmp_path), compression))
    assert kilobytes < 150 * 1024

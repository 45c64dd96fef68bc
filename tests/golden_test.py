"""Equal inputs give the golden digests, on every machine and in every version; see golden/README.md."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ocikit.image.build import build_image
from ocikit.image.index import build_index
from ocikit.layer import compression, tar
from ocikit.layer.compression import Compression
from ocikit.layer.entry import Entry
from ocikit.layer.layer import Layer
from ocikit.layer.write import build_layer
from ocikit.spec.config import ContainerSettings
from ocikit.spec.manifest import ImageIndex
from ocikit.spec.platform import Platform

GOLDEN = Path(__file__).parent / "golden" / "digests.json"
COMPRESSIONS = ("none:0", "gzip:1", "gzip:6", "gzip:12", "zstd:1", "zstd:3", "zstd:19")

Case = tuple[list[Entry], dict[str, bytes]]


def text(size: int) -> bytes:
    """Bytes that compress about as well as source files, generated from numbers."""
    lines = (hashlib.sha256(b"%d" % n).hexdigest().encode()[:24] + b" = 1\n" for n in range(size // 29 + 1))
    return b"".join(lines)[:size]


def file(path: str, source: str, mode: int = 0o644, uid: int = 0) -> Entry:
    return Entry(path, "file", mode, uid, uid, source=source)


def cases() -> dict[str, Case]:
    contents = {"empty": b"", "small": b"hello\n", "text": text(100_000), "blocks": text(9_000_000)}
    application = [
        file("app/main.py", "text"),
        file("app/bin/run", "small", 0o755),
        file("app/empty", "empty"),
        Entry("app/data", "directory", 0o750, 1000, 1001),
        Entry("app/current", "symlink", 0o777, 0, 0, target="bin/run"),
        file("tmp/x", "small", 0o600, 1000),
        file("d" * 60 + "/" + "f" * 60, "small"),
    ]
    names = [
        file("ünï/漢字.txt", "small"),
        file("f" * 150, "small"),
        file("/".join(["directory"] * 30), "small"),
        Entry("link", "symlink", 0o777, 0, 0, target="ü" * 60),
        file("many", "small", uid=4294967294),
    ]
    return {
        "nothing": ([], contents),
        "application": (application, contents),
        "names": (names, contents),
        "blocks": ([file("blocks", "blocks")], contents),
    }


def index_of(layer: Layer) -> ImageIndex:
    """The same layer for three platforms, one with a variant."""
    images = {
        text: build_image(
            base=None, layers=[layer], settings=ContainerSettings(), platform=Platform.parse(text), annotations={}
        )
        for text in ("linux/arm64", "linux/arm/v7", "linux/amd64")
    }
    return build_index(images, {"org.opencontainers.image.title": "golden"})


def digests(case: Case, directory: Path) -> dict[str, str]:
    entries, contents = case
    sources = directory / "sources"
    sources.mkdir()
    for name, content in contents.items():
        (sources / name).write_bytes(content)
    found: dict[str, str] = {}
    for name in COMPRESSIONS:
        layer = build_layer(entries, str(sources), str(directory), Compression.parse(name), "golden")
        found[name] = str(layer.descriptor.digest)
        assert found.setdefault("tar", str(layer.diff_id)) == str(layer.diff_id)
        if name == "gzip:6":
            platform, settings = Platform("linux", "amd64"), ContainerSettings(entrypoint=("/app",))
            image = build_image(base=None, layers=[layer], settings=settings, platform=platform, annotations={})
            found["image"] = str(image.digest)
            found["index"] = str(index_of(layer).descriptor.digest)
    return found


@pytest.mark.parametrize("name", sorted(cases()))
def test_digests(name: str, tmp_path: Path) -> None:
    found = digests(cases()[name], tmp_path)
    document: dict[str, Any] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("OCIKIT_UPDATE_GOLDEN"):
        formats = {"tar": tar.FORMAT, "compression": compression.FORMAT}
        updated = {**document.get("cases", {}), name: found}
        GOLDEN.write_text(json.dumps({"formats": formats, "cases": updated}, indent=2, sort_keys=True) + "\n")
        return
    expected = document["cases"][name]
    assert found["tar"] == expected["tar"], "the tar itself differs"
    assert found == expected


def test_the_formats_are_those_of_the_digests() -> None:
    assert json.loads(GOLDEN.read_text())["formats"] == {
        "tar": tar.FORMAT,
        "compression": compression.FORMAT,
    }

"""Layers and archives that are small when stored and large when read: each costs bounded memory and time.

The whole process is measured, including Python.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
import zstandard

from ocikit.spec import canonical_json, media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.testing.images import LINUX
from ocikit.testing.measured import layout_of, measured
from ocikit.testing.tar_parts import END, gnu, header, member, names, pax

GZIP, ZSTD = media_type.OCI_LAYER_GZIP, media_type.OCI_LAYER_ZSTD


def run(*arguments: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of a call; checks that it kept within memory and time."""
    found = measured(*arguments, folder=folder)
    assert found.memory < 200 * 1024 * 1024
    assert found.seconds < 30
    assert "Traceback" not in found.said
    return found.code, found.said


def fails(*arguments: str, folder: Path) -> str:
    code, said = run(*arguments, folder=folder)
    assert code == 1, said
    return said


def deflated(part: bytes, count: int = 1) -> bytes:
    """The parts as gzip, with one member for 20,000 parts."""
    return gzip.compress(part * min(count, 20_000), 9) * max(1, count // 20_000)


@lru_cache(None)
def zeros(mebibytes: int) -> bytes:
    """Zeros as gzip, with one member for 16 MiB."""
    return gzip.compress(bytes(16 * 2**20), 9) * (mebibytes // 16)


def zstd_frame(window_log: int, blocks: int) -> bytes:
    """A frame with a window of 2**`window_log` bytes and with blocks of 128 KiB in four bytes each."""
    block = ((128 * 1024) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (1 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\0" + bytes([(window_log - 10) << 3]) + block * blocks + last


EMPTY_FRAME = zstandard.ZstdCompressor().compress(b"")
SKIPPED_FRAME = b"\x50\x2a\x4d\x18" + bytes(4)
SPARSE = pax((b"GNU.sparse.realsize", b"%d" % 2**60), (b"GNU.sparse.map", b"0,0")) + header()
EXPANDS = "expand to more than"

LAYERS = [
    pytest.param(GZIP, lambda: deflated(header(b"P", 2**30, b"x")) + zeros(1024), "extended header of", id="pax-1-gib"),
    pytest.param(GZIP, lambda: deflated(header(b"P", 2**30, b"g")) + zeros(1024), "extended header of", id="global"),
    pytest.param(GZIP, lambda: deflated(header(b"L", 2**30, b"L")) + zeros(1024), "extended header of", id="gnu-name"),
    pytest.param(GZIP, lambda: deflated(header(b"a", 2**30)) + zeros(1024), EXPANDS, id="gzip-bomb"),
    pytest.param(GZIP, lambda: deflated(END) + zeros(1024), EXPANDS, id="zeros-behind-the-end"),
    pytest.param(GZIP, lambda: gzip.compress(b"") * 500_000, EXPANDS, id="empty-members"),
    pytest.param(GZIP, lambda: deflated(pax((b"a", b"")), 10**5), "two extended headers", id="nested-headers"),
    pytest.param(GZIP, lambda: deflated(gnu(b"L", b"a"), 10**5), "two extended headers", id="nested-names"),
    pytest.param(GZIP, lambda: deflated(member(b"s", b"", b"S")), "is a sparse file", id="sparse"),
    pytest.param(GZIP, lambda: deflated(SPARSE), "is a sparse file", id="sparse-pax"),
    pytest.param(GZIP, lambda: deflated(pax((b"size", b"%d" % 2**62)) + header()), "end of data", id="size"),
    pytest.param(GZIP, lambda: deflated(gnu(b"L", b"a/" * 500_000) + header()), "a path of 1,000,000", id="deep"),
    pytest.param(ZSTD, lambda: zstandard.compress(pax((b"a", b""), kind=b"g") * 10**5), EXPANDS, id="global-headers"),
    pytest.param(ZSTD, lambda: zstandard.compress(header(b"a") * 200_000), EXPANDS, id="entries"),
    pytest.param(ZSTD, lambda: zstd_frame(20, 100_000), EXPANDS, id="zstd-bomb"),
    pytest.param(ZSTD, lambda: zstd_frame(31, 10), "window of more than 32 MiB", id="zstd-window"),
    pytest.param(ZSTD, lambda: zstd_frame(25, 100_000), EXPANDS, id="zstd-bomb-with-a-window"),
    pytest.param(ZSTD, lambda: EMPTY_FRAME * 500_000, EXPANDS, id="empty-frames"),
    pytest.param(ZSTD, lambda: SKIPPED_FRAME * 500_000, EXPANDS, id="skipped-frames"),
]


@pytest.mark.parametrize("kind, make, text", LAYERS)
def test_a_layer_is_refused(kind: str, make: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    image = layout_of(tmp_path / "l", make(), kind=kind)
    assert text in fails("inspect", "--files=3", image, folder=tmp_path)


@pytest.mark.parametrize(
    "kind, make", [(GZIP, lambda: zeros(1024)), (ZSTD, lambda: zstd_frame(25, 100_000))], ids=["gzip", "zstd"]
)
def test_verify_stops_as_well(kind: str, make: Callable[[], bytes], tmp_path: Path) -> None:
    image = layout_of(tmp_path / "l", make(), kind=kind)
    assert EXPANDS in fails("verify", image, folder=tmp_path)


def test_the_limit_can_be_raised_for_a_trusted_image(tmp_path: Path) -> None:
    layer = deflated(header(b"a", 128 * 2**20)) + zeros(128) + deflated(END)
    image = layout_of(tmp_path / "l", layer, kind=GZIP)
    said = fails("inspect", "--files=3", image, folder=tmp_path)
    assert "raise `[oci].max_layer_expansion` (--max-layer-expansion of ocikit), which is 200." in said
    assert run("inspect", "--files=3", "--max-layer-expansion=2000", image, folder=tmp_path)[0] == 0


def test_limits_are_positive(tmp_path: Path) -> None:
    image = layout_of(tmp_path / "l", deflated(END), kind=GZIP)
    said = fails("inspect", "--files=3", "--max-layer-files=0", image, folder=tmp_path)
    assert "`[oci].max_layer_files` (--max-layer-files of ocikit) is 0; expected 1 or more" in said


@pytest.mark.parametrize("length, text", [(20, "more than 1,000 files"), (300, "more than 128,000 bytes, 128 for")])
def test_more_files_or_names(length: int, text: str, tmp_path: Path) -> None:
    image = layout_of(tmp_path / "l", gzip.compress(names(1001 if length < 128 else 999, length)), kind=GZIP)
    said = fails("inspect", "--files=3", "--max-layer-files=1000", image, folder=tmp_path)
    assert text in said
    assert "raise `[oci].max_layer_files` (--max-layer-files of ocikit), which is 1,000." in said


def test_files_of_all_layers_count_together(tmp_path: Path) -> None:
    layers = [gzip.compress(names(501, 20, mark)) for mark in (b"a", b"b")]
    image = layout_of(tmp_path / "l", *layers, kind=GZIP)
    assert "more than 1,000 files" in fails("inspect", "--files=3", "--max-layer-files=1000", image, folder=tmp_path)
    other = layout_of(tmp_path / "m", layers[1], kind=GZIP)
    assert "have more than 1,500 files" in fails("diff", "--max-layer-files=1500", image, other, folder=tmp_path)


def test_more_layers_than_engines_mount(tmp_path: Path) -> None:
    image = layout_of(tmp_path / "l", *(gzip.compress(b"%d" % number) for number in range(128)), kind=GZIP)
    assert "128 layers are more than the 127" in fails("inspect", "--files=3", image, folder=tmp_path)


def test_a_layer_that_is_named_often_is_read_once(tmp_path: Path) -> None:
    layer = gzip.compress(os.urandom(2**20), 1) + zeros(64)
    ids = [Digest.of(b"%d" % number) for number in range(200)]
    image = layout_of(tmp_path / "l", *[layer] * len(ids), kind=GZIP, diff_ids=ids)
    assert "expected the diff ID" in fails("verify", image, folder=tmp_path)


def test_a_request_of_pants_has_limits_of_its_own(tmp_path: Path) -> None:
    layer = gzip.compress(names(1000, 60))
    layout_of(tmp_path / "input", layer, kind=GZIP)
    request = {"layer": Descriptor(GZIP, Digest.of(layer), len(layer)).to_json(), "limits": {"files": 999}}
    (tmp_path / "request.json").write_bytes(canonical_json.dumps(request))
    assert "more than 999 files" in fails("layer_files", "request.json", folder=tmp_path)
    (tmp_path / "request.json").write_bytes(canonical_json.dumps({**request, "limits": {"files": 1000}}))
    assert run("layer_files", "request.json", folder=tmp_path) == (0, "")
    assert json.loads((tmp_path / "count.json").read_bytes()) == {"files": 1000, "name_bytes": 60_000}
    assert len(json.loads((tmp_path / "files.json").read_bytes())["files"]) == 1000


def archive(*members: bytes) -> bytes:
    return b"".join(members) + END


def saved(table: bytes, *members: bytes) -> bytes:
    return archive(*members, member(b"manifest.json", table))


CONFIG = ImageConfig.of(LINUX, {}, (Digest.of(b""),), ()).data
BIG_CONFIG = b'{"a":"' + b"x" * (3 * 2**20) + b'","os":"linux","architecture":"amd64","rootfs":{"diff_ids":[]}}'
LINKS = [header(b"%d" % number, kind=b"2", linkname=b"%d" % (number + 1)) for number in range(5000)]
TABLE = json.dumps([{"Config": "c", "Layers": ["0"]}]).encode()
THOUSAND = b"[" + b'{"Config":"c"},' * 999 + b'{"Config":"c"}]'

ARCHIVES = [
    pytest.param(lambda: deflated(header(b"a", 2**30)) + zeros(1024), EXPANDS, id="gzip-bomb"),
    pytest.param(lambda: zstd_frame(31, 5), "window of more than", id="zstd-window"),
    pytest.param(lambda: archive(header(b"P", 2**30, b"x")), "extended header of", id="pax-1-gib"),
    pytest.param(lambda: archive(header(b"s", kind=b"S")), "is a sparse file", id="sparse"),
    pytest.param(lambda: deflated(header(b"a"), 10**5), '"a" twice', id="one-member-often"),
    pytest.param(lambda: gzip.compress(names(20_000, 20)), "more than 10000 files", id="members"),
    pytest.param(lambda: saved(b"[" * 10**6 + b"]" * 10**6), "manifest.json is not", id="deep-table"),
    pytest.param(lambda: saved(b"[" + b"{}," * 10**6 + b"{}]"), "manifest.json", id="large-table"),
    pytest.param(lambda: saved(b"[" + b" " * 5 * 2**20 + b"]"), "the limit of documents is 4194304", id="larger-table"),
    pytest.param(
        lambda: saved(THOUSAND[:-1] + b"," + THOUSAND[1:], member(b"c", CONFIG)),
        "has 2000 images; the limit is 1000",
        id="images",
    ),
    pytest.param(lambda: deflated(saved(THOUSAND, member(b"c", BIG_CONFIG))), EXPANDS, id="one-large-config-often"),
    pytest.param(
        lambda: saved(TABLE, member(b"c", CONFIG), *LINKS),
        "leads to itself, or through more than 40 links",
        id="links-in-a-chain",
    ),
    pytest.param(
        lambda: saved(TABLE, member(b"c", CONFIG), header(b"0", kind=b"1", linkname=b"0")),
        "leads to itself",
        id="link-to-itself",
    ),
    pytest.param(lambda: saved(TABLE, member(b"c", CONFIG), member(b"0", zeros(1024))), EXPANDS, id="layer"),
    pytest.param(
        lambda: deflated(saved(TABLE, member(b"c", CONFIG), member(b"0", zeros(1024)))),
        EXPANDS,
        id="layer-in-a-compressed-archive",
    ),
]


@pytest.mark.parametrize("make, text", ARCHIVES)
def test_an_archive_is_refused(make: Callable[[], bytes], text: str, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/archive").write_bytes(make())
    request = {"platform": "linux/amd64", "digest": None, "compression": "gzip:6", "limits": {"expansion": 200}}
    (tmp_path / "request.json").write_bytes(canonical_json.dumps(request))
    assert text in fails("archived_base", "request.json", folder=tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 64 * 2**20]

"""Layers and archives that are small and expand, or are contradictory: the client stays within its limits and ends.

A layer belongs to an image in the layout `bomb` unless noted otherwise; an archive is the base of an image.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import Callable, Union

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, usual_tar
from hostile.rows import ENDS, FAILS, SUCCEEDS, Row, Scene, nothing, table
from hostile.tars import (
    END,
    GIB,
    MIB,
    Run,
    binary,
    extended,
    gzipped,
    header,
    in_one_member,
    member,
    padded,
    record,
    sparse,
    zstandard,
)
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from support.client_process import Ran

FILES_OF_BOMB = ("inspect", "oci:bomb:1", "--files", "5")
DIFF_OF_BOMB = ("diff", "oci:layout:1", "oci:bomb:1")
ANY = str(Digest.of(b"any"))
ARCHIVED = ("archived_base", "request.json")
USUAL = usual_tar()
HUGE = 2**60


# Large contents are created when their row runs.
Making = Union[bytes, Callable[[], bytes]]


def made(data: Making) -> bytes:
    return data if isinstance(data, bytes) else data()


def layers(*blobs: Making, kind: str = media_type.OCI_LAYER_GZIP) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        image = ImageParts([made(blob) for blob in blobs], diff_ids=[ANY] * len(blobs), layer_type=kind)
        image.write(scene.work / "bomb")

    return prepared


def tar(data: bytes) -> Callable[[Scene], None]:
    """An uncompressed layer, with exactly these bytes."""
    return layers(data, kind=media_type.OCI_LAYER)


def in_a_registry(blob: Making, kind: str, prepare: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        ImageParts([made(blob)], diff_ids=[ANY], layer_type=kind).put(scene.contents)
        prepare(scene)

    return prepared


def archive(data: Making) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        sandbox.archived_base(scene)
        scene.write("input/archive", made(data))

    return prepared


def saved(layer: bytes, *, size: int | bytes | None = None, kind: bytes = b"0", gnu: bytes = b"") -> bytes:
    """An archive as from `docker save`, of an image with this layer; the header of the layer may be wrong."""
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer))]}}
    ).encode()
    contents = json.dumps([{"Config": "config.json", "Layers": ["layer.tar"], "RepoTags": ["a:1"]}]).encode()
    head = header(b"layer.tar", kind, len(layer) if size is None else size, gnu=gnu)
    return member(b"manifest.json", contents) + member(b"config.json", config) + head + padded(layer) + END


def long_header(kind: bytes, size: int = GIB) -> bytes:
    """A header of this size, of zeroes, followed by its file."""
    return gzipped(header(b"long", kind, size), Run(size), member(b"file"), END)


def pax(*records: tuple[bytes, bytes], data: bytes = b"", kind: bytes = b"0", size: int | None = None) -> bytes:
    """A file with these pax records."""
    return extended(records) + header(b"file", kind, len(data) if size is None else size) + padded(data) + END


GNU = b"GNU.sparse."
# A sparse file of 2 ** 60 bytes in each dialect.
SPARSE = {
    "gnu": header(b"hole", b"S", 0, gnu=sparse(HUGE)) + END,
    "gnu-with-a-piece": header(b"hole", b"S", 512, gnu=sparse(HUGE, [(HUGE - 512, 512)])) + bytes(512) + END,
    "pax-0.0": pax(
        (GNU + b"size", b"%d" % HUGE),
        (GNU + b"numblocks", b"1"),
        (GNU + b"offset", b"%d" % HUGE),
        (GNU + b"numbytes", b"0"),
    ),
    "pax-0.1": pax((GNU + b"size", b"%d" % HUGE), (GNU + b"numblocks", b"1"), (GNU + b"map", b"%d,0" % HUGE)),
    "pax-1.0": pax(
        (GNU + b"major", b"1"),
        (GNU + b"minor", b"0"),
        (GNU + b"name", b"hole"),
        (GNU + b"realsize", b"%d" % HUGE),
        data=padded(b"1\n%d\n0\n" % HUGE),
    ),
    "solaris": pax((b"SUN.holesdata", b" 0 %d" % HUGE), (b"size", b"%d" % HUGE)),
}
# Invalid maps. The client may refuse one with an error or read it as something else, but it ends.
MAPS = {
    "offset-is-not-a-number": pax(
        (GNU + b"size", b"9"), (GNU + b"numblocks", b"1"), (GNU + b"offset", b"x"), (GNU + b"numbytes", b"1")
    ),
    "map-is-not-a-number": pax((GNU + b"size", b"9"), (GNU + b"map", b"1,2,x")),
    "map-of-three": pax((GNU + b"size", b"9"), (GNU + b"map", b"1,2,3")),
    "map-that-is-empty": pax((GNU + b"size", b"9"), (GNU + b"map", b"")),
    "map-with-a-negative-number": pax((GNU + b"size", b"9"), (GNU + b"map", b"-5,3")),
    "map-with-many-digits": pax((GNU + b"size", b"9"), (GNU + b"map", b"1" * 9_999 + b",1")),
    "size-is-not-a-number": pax((GNU + b"size", b"ten"), (GNU + b"map", b"0,0")),
    "size-is-negative": pax(
        (GNU + b"realsize", b"-7"), (GNU + b"major", b"1"), (GNU + b"minor", b"0"), data=padded(b"0\n")
    ),
    "size-with-many-digits": pax((GNU + b"realsize", b"9" * 5_000), (GNU + b"map", b"0,0")),
    "count-is-not-a-number": pax((GNU + b"major", b"1"), (GNU + b"minor", b"0"), data=padded(b"many\n")),
    "count-is-too-large": pax((GNU + b"major", b"1"), (GNU + b"minor", b"0"), data=padded(b"999999999999\n1\n1\n")),
    "count-without-end": pax((GNU + b"major", b"1"), (GNU + b"minor", b"0"), data=b"9" * 4096),
    "no-count": pax((GNU + b"major", b"1"), (GNU + b"minor", b"0")),
    "versions-of-another-world": pax((GNU + b"major", b"x"), (GNU + b"minor", b"\xff"), data=padded(b"0\n")),
    "gnu-is-not-a-number": header(b"hole", b"S", 512, gnu=bytes(41) + b"zzzzzzzzzzz\0" * 8) + bytes(512) + END,
    "gnu-is-negative": header(b"hole", b"S", 512, gnu=sparse(-5, [(-512, -512)])) + bytes(512) + END,
    "gnu-overlaps": header(b"hole", b"S", 512, gnu=sparse(1024, [(0, 512), (0, 512)])) + bytes(512) + END,
    "gnu-ends-early": header(b"hole", b"S", 512, gnu=sparse(1024, more=True)),
}
# Wrong headers, each before a usual file.
HEADERS = {
    "size-of-2-to-the-62": header(size=2**62),
    "size-of-2-to-the-94": header(size=b"\x80" + b"\xff" * 11),
    "size-is-negative": header(size=binary(-512)),
    "size-of-minus-2-to-the-62": header(size=binary(-(2**62))),
    "size-is-not-a-number": header(size=b"zzzzzzzzzzz\0"),
    "mode-is-not-a-number": header(mode=b"zzzzzzz\0"),
    "mode-is-negative": header(mode=binary(-1, 8)),
    "devices-are-not-numbers": header(kind=b"3", devices=b"zzzzzzz\0yyyyyyy\0"),
    "unknown-kind": header(kind=b"Z", size=5) + padded(b"hello"),
    "kind-is-not-ascii": header(kind=b"\xff"),
    "continued-volume": header(kind=b"M", size=5) + padded(b"hello"),
    "name-leads-out": header(b"../../../../etc/passwd"),
    "name-is-absolute": header(b"//etc/passwd"),
    "name-is-empty": header(b""),
    "name-is-dots": header(b".."),
    "name-is-not-utf-8": header(b"\xff\xfe\x80"),
    "whiteout-of-nothing": header(b"a/.wh."),
    "whiteout-that-leads-out": header(b".wh..."),
    "opaque-root": header(b".wh..wh..opq"),
    "link-to-itself": header(b"file", b"1", link=b"file"),
    "link-that-leads-out": header(b"file", b"1", link=b"../../etc/shadow"),
    "link-to-nothing": header(b"file", b"2"),
    "file-below-a-file": member(b"file", b"x") + member(b"file/below", b"x"),
    "pax-without-a-length": extended(b"path=x\n"),
    "pax-of-length-0": extended(b"0 path=x\n"),
    "pax-that-is-too-long": extended(b"999 path=x\n"),
    "pax-with-a-negative-length": extended(b"-9 path=x\n"),
    "pax-with-a-length-of-many-digits": extended(b"9" * 5_000 + b" path=x\n"),
    "pax-without-a-value": extended(b"8 path\n\n"),
    "pax-path-of-nothing": extended([(b"path", b"")]),
    "pax-path-with-a-nul": extended([(b"path", b"a\0b")]),
    "pax-path-not-utf-8": extended([(b"path", b"\xff\xfe")]),
    "pax-size-is-not-a-number": extended([(b"size", b"many")]),
    "pax-size-is-negative": extended([(b"size", b"-512")]),
    "pax-size-with-a-point": extended([(b"size", b"1e3")]),
    "pax-size-of-many-digits": extended([(b"size", b"9" * 300)]),
    "pax-size-of-5000-digits": extended([(b"size", b"9" * 5_000)]),
    "pax-time-is-none": extended([(b"mtime", b"nan")]),
    "pax-time-without-end": extended([(b"mtime", b"1e999")]),
    "pax-owner-of-many-digits": extended([(b"uid", b"9" * 300)]),
    "pax-in-another-charset": extended([(b"hdrcharset", b"BINARY"), (b"path", b"\xff")]),
    "pax-at-the-end": extended([(b"path", b"x")]) + END,
    "pax-for-all-at-the-end": extended([(b"path", b"x")], b"g") + END,
    "long-name-at-the-end": header(b"L", b"L", 10) + padded(b"a" * 9),
    "nested-pax": extended([(b"path", b"x")]) * 3_000,
    "nested-pax-for-all": extended([(b"comment", b"x")], b"g") * 20_000,
    "nested-long-names": (header(b"L", b"L", 10) + padded(b"a" * 9)) * 3_000,
    "nested-long-links": (header(b"K", b"K", 10) + padded(b"a" * 9)) * 3_000,
    "nested-of-all-kinds": (extended([(b"path", b"x")]) + header(b"L", b"L", 10) + padded(b"a" * 9)) * 2_000,
    "nested-solaris": extended([(b"path", b"x")], b"X") * 3_000,
}


def bombs() -> Iterator[Row]:
    """Rows of small layers that announce or expand to a large size."""
    kinds = ((b"x", "pax"), (b"g", "pax-for-all"), (b"X", "solaris"), (b"L", "long-name"), (b"K", "long-link"))
    for kind, name in kinds:
        for size, text in ((GIB, "1-gib"), (16 * MIB, "16-mib")):
            # Only Solaris has this kind, so the client may skip it.
            ends = ENDS if kind == b"X" else FAILS
            yield Row(f"{name}-of-{text}", layers(partial(long_header, kind, size)), FILES_OF_BOMB, ends)
        wrong_sizes: dict[str, int | bytes] = {
            "is-not-there": 8**11 - 1,
            "has-2-to-the-62": 2**62,
            "is-negative": binary(-512),
        }
        for wrong, wrong_size in wrong_sizes.items():
            yield Row(f"{name}-that-{wrong}", tar(header(b"long", kind, wrong_size) + bytes(4096)), FILES_OF_BOMB, ENDS)
    yield Row("pax-of-many-records", layers(many_records), FILES_OF_BOMB)
    yield Row("many-long-names", layers(many_long_names), FILES_OF_BOMB)
    yield Row("entries-without-end", layers(lambda: gzipped(many_headers(10_000)) * 400), FILES_OF_BOMB, seconds=30)
    deep = extended([(b"path", b"a/" * 400_000)]) + header() + END
    whiteout = header(b"b/.wh.c") + END
    yield Row("deep-path", layers(gzip.compress(deep), gzip.compress(whiteout)), FILES_OF_BOMB, ENDS)
    for name, data in SPARSE.items():
        yield Row(f"sparse-{name}", tar(data), FILES_OF_BOMB, FAILS if name != "solaris" else ENDS)
    yield Row("sparse-compressed", layers(gzip.compress(SPARSE["pax-1.0"])), FILES_OF_BOMB)
    yield Row("sparse-in-a-difference", tar(SPARSE["gnu"]), DIFF_OF_BOMB)
    yield Row("sparse-map-without-end", layers(long_sparse_map), FILES_OF_BOMB)
    file = header(b"zeroes", size=2 * GIB)
    yield Row("gzip-of-2-gib", layers(lambda: gzipped(file, Run(2 * GIB), END)), FILES_OF_BOMB)
    yield Row("gzip-in-one-member", layers(lambda: in_one_member(file, Run(2 * GIB), END)), FILES_OF_BOMB)
    yield Row("gzip-behind-the-end", layers(lambda: gzipped(USUAL + END, Run(2 * GIB))), FILES_OF_BOMB)
    yield Row("gzip-of-nothing", layers(lambda: gzipped(b"") * 200_000), FILES_OF_BOMB, ENDS)
    comment = b"\x1f\x8b\x08\x10" + bytes(5) + b"\x03"
    yield Row("gzip-with-a-long-comment", layers(lambda: comment + b"a" * 16 * MIB), FILES_OF_BOMB)
    yield Row("gzip-in-gzip", layers(gzip.compress(gzip.compress(USUAL))), FILES_OF_BOMB)
    zstd = media_type.OCI_LAYER_ZSTD
    yield Row("zstd-of-64-gib", layers(partial(zstd_bomb, 64 * GIB), kind=zstd), FILES_OF_BOMB)
    for exponent in (17, 18, 21, 31):
        blob = partial(zstd_bomb, 256 * MIB, window_exponent=exponent)
        yield Row(f"zstd-window-of-2-to-the-{exponent + 10}", layers(blob, kind=zstd), FILES_OF_BOMB, ENDS)
    skipped = b"\x50\x2a\x4d\x18" + (16 * MIB).to_bytes(4, "little")
    yield Row(
        "zstd-that-skips", layers(lambda: skipped + bytes(16 * MIB) + zstandard(USUAL), kind=zstd), FILES_OF_BOMB, ENDS
    )
    yield Row("zstd-of-empty-frames", layers(lambda: zstandard() * 500_000, kind=zstd), FILES_OF_BOMB, ENDS)
    for name, command, prepare, ends in (
        ("listed-for-pants", ("remote_images", "request.json"), sandbox.remote_images, ENDS),
        ("of-a-base", ("base_layer", "request.json"), sandbox.base_layer, FAILS),
        ("of-a-registry", ("inspect", "$registry/image:1", "--files", "5"), nothing, FAILS),
    ):
        yield Row(f"bomb-{name}", in_a_registry(partial(zstd_bomb, 64 * GIB), zstd, prepare), command, ends)


def verified() -> Iterator[Row]:
    """Rows of `verify`, which also checks the digests of unpacked layers."""
    verify = ("verify", "oci:bomb:1")
    yield Row("verified-gzip", layers(lambda: gzipped(header(size=2 * GIB), Run(2 * GIB), END)), verify)
    yield Row("verified-zstd", layers(partial(zstd_bomb, 64 * GIB), kind=media_type.OCI_LAYER_ZSTD), verify)
    yield Row("verified-hole", tar(SPARSE["gnu"]), verify, ENDS)
    yield Row("verified-of-nothing", layers(lambda: gzipped(b"") * 200_000), verify)


def zstd_bomb(size: int, window_exponent: int = 7) -> bytes:
    return zstandard(header(b"zeroes", size=size), Run(size), END, window_exponent=window_exponent)


def many_headers(count: int) -> bytes:
    return b"".join(header(b"%d" % number) for number in range(count))


def many_records() -> bytes:
    """Records of some 16 MiB in one header."""
    records = record(b"SCHILY.xattr.user.a", b"x") * 500_000
    return gzipped(header(b"pax", b"x", len(records)), padded(records), END)


def many_long_names() -> bytes:
    """Names within every limit, with half a GiB in total."""
    names = (extended([(b"path", b"%d/" % number + b"a" * 900_000)]) + header() for number in range(600))
    return b"".join(gzip.compress(name, 1) for name in names)


def long_sparse_map() -> bytes:
    """A sparse map in which each block announces another."""
    block = bytes(504) + b"\1" + bytes(7)
    return gzipped(header(b"hole", b"S", gnu=sparse(1024, more=True))) + gzipped(block * 20_000) * 100


def archives() -> Iterator[Row]:
    usual = saved(USUAL)
    file = header(b"zeroes", size=2 * GIB)
    large = {
        "of-2-gib": lambda: gzipped(file, Run(2 * GIB), usual),
        "of-2-gib-in-zstd": lambda: zstandard(file, Run(2 * GIB), usual),
        "with-zeroes-at-its-end": lambda: gzipped(usual, Run(2 * GIB)),
        "with-a-pax-header-of-1-gib": lambda: gzipped(header(b"long", b"x", GIB), Run(GIB), usual),
        "with-a-pax-header-for-all-of-1-gib": lambda: gzipped(header(b"long", b"g", GIB), Run(GIB), usual),
        "with-a-long-name-of-1-gib": lambda: gzipped(header(b"long", b"L", GIB), Run(GIB), usual),
        "with-a-long-link-of-1-gib": lambda: gzipped(header(b"long", b"K", GIB), Run(GIB), usual),
        "whose-layer-is-a-bomb": lambda: saved(gzipped(header(b"z", size=2 * GIB), Run(2 * GIB))),
        "whose-layer-is-a-zstd-bomb": lambda: saved(zstd_bomb(64 * GIB)),
        "of-many-files": lambda: gzipped(many_headers(10_000)) * 50,
    }
    for name, making in large.items():
        yield Row(f"archive-{name}", archive(making), ARCHIVED, after=nothing_left)
    hole = header(b"manifest.json", b"S", 0, gnu=sparse(HUGE)) + END
    wrong = {
        "whose-table-is-a-hole": hole,
        "whose-layer-is-a-hole": saved(b"", kind=b"S", gnu=sparse(HUGE)),
        "whose-layer-is-not-there": saved(b"", size=2**62),
        "whose-layer-is-negative": saved(b"", size=binary(-512)),
        "with-a-window-of-2-gib": zstandard(usual, window_exponent=21),
        **{f"with-a-{name}": MAPS[name] for name in ("map-of-three", "count-is-not-a-number", "gnu-is-not-a-number")},
    }
    for name, data in wrong.items():
        yield Row(f"archive-{name}", archive(data), ARCHIVED)
    for name in (
        "nested-pax",
        "nested-long-names",
        "pax-size-of-5000-digits",
        "pax-size-is-negative",
        "size-is-negative",
    ):
        yield Row(f"archive-with-{name}", archive(HEADERS[name] + usual), ARCHIVED, ENDS)
    yield Row("archive", archive(usual), ARCHIVED, SUCCEEDS)
    yield Row("archive-in-gzip", archive(gzip.compress(usual)), ARCHIVED, SUCCEEDS)
    yield Row("archive-in-zstd", archive(zstandard(usual)), ARCHIVED, SUCCEEDS)


def nothing_left(scene: Scene, ran: Ran) -> Iterator[str]:
    """Unpacked files are gone when the program ends, however it ends."""
    left = [path for path in scene.work.rglob("*") if path.is_file() and path.stat().st_size > 64 * MIB]
    if left:
        yield f"files: left behind: {left}"


def good_layers() -> Iterator[Row]:
    """Rows of usual layers, which must be read."""
    yield Row("layer", layers(gzip.compress(USUAL)), FILES_OF_BOMB, SUCCEEDS, says=["/etc/motd"])
    yield Row(
        "layer-in-zstd",
        layers(zstandard(USUAL), kind=media_type.OCI_LAYER_ZSTD),
        FILES_OF_BOMB,
        SUCCEEDS,
        says=["/etc/motd"],
    )
    yield Row(
        "layer-in-members", layers(gzipped(USUAL[:512], USUAL[512:])), FILES_OF_BOMB, SUCCEEDS, says=["/etc/motd"]
    )
    name = b"a" * 200 + b"/" + b"b" * 200
    long_name = extended([(b"path", name), (b"SCHILY.xattr.security.ima", bytes(60_000))]) + header() + END
    yield Row("layer-with-attributes", layers(gzip.compress(long_name)), FILES_OF_BOMB, SUCCEEDS, says=[name.decode()])
    gnu = header(b"L", b"L", len(name) + 1) + padded(name + b"\0") + header() + END
    yield Row("layer-with-gnu-names", layers(gzip.compress(gnu)), FILES_OF_BOMB, SUCCEEDS, says=[name.decode()])
    zeroes = gzipped(header(b"zeroes", size=30_000_128), Run(30_000_128), END)
    yield Row("layer-of-30-mb-of-zeroes", layers(zeroes), FILES_OF_BOMB, SUCCEEDS, says=["30.0 MB"])
    large = partial(gzipped, header(b"zeroes", size=300 * MIB), Run(300 * MIB), END)
    raised = (*FILES_OF_BOMB, "--max-layer-expansion", "2000")
    yield Row("layer-of-300-mib-of-zeroes", layers(large), FILES_OF_BOMB, says=["--max-layer-expansion"])
    yield Row("layer-of-300-mib-of-zeroes-allowed", layers(large), raised, SUCCEEDS, says=["zeroes"])
    few = (*FILES_OF_BOMB, "--max-layer-files")
    some = layers(partial(many_headers, 3_000), kind=media_type.OCI_LAYER)
    yield Row("layer-of-more-files-than-allowed", some, (*few, "2999"), says=["--max-layer-files"])
    yield Row("layer-of-as-many-files-as-allowed", some, (*few, "3000"), SUCCEEDS)
    many = lambda: gzip.compress(many_headers(100_000) + END, 1)  # noqa: E731
    yield Row("layer-of-100000-files", layers(many), FILES_OF_BOMB, SUCCEEDS, seconds=60)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as file:
        for number in range(2_000):
            info = tarfile.TarInfo(f"{'é' * 60}/{number}")
            info.mtime = number + 0.5
            file.addfile(info)
    yield Row("layer-with-pax-for-each-file", layers(gzip.compress(stream.getvalue())), FILES_OF_BOMB, SUCCEEDS)


def rows() -> Iterator[Row]:
    yield from bombs()
    for name, data in MAPS.items():
        yield Row(f"map-{name}", tar(data + USUAL), FILES_OF_BOMB, ENDS)
    for name, data in HEADERS.items():
        yield Row(f"header-{name}", tar(data + USUAL), FILES_OF_BOMB, ENDS)
    yield from verified()
    yield from archives()
    yield from good_layers()


@pytest.mark.parametrize("row", table(rows()))
def test_layers_and_archives(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

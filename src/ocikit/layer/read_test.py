from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest

from ocikit.errors import InvalidContent
from ocikit.layer.contents import File, overlay
from ocikit.layer.limits import FileCount
from ocikit.layer.read import read_files

HELLO = f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
EMPTY = f"sha256:{hashlib.sha256().hexdigest()}"
Add = Callable[[tarfile.TarFile], None]


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: object) -> Add:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return lambda archive: archive.addfile(info, io.BytesIO(content))


def tar(*members: Add) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for add in members:
            add(archive)
    return buffer.getvalue()


def files(*chunks: bytes) -> tuple[File, ...]:
    return tuple(read_files(chunks, FileCount()))


def shown(*layers: bytes) -> dict[str, File]:
    """The files that layers show, by path."""
    return {path: file for path, (_, file) in overlay(files(layer) for layer in layers).files.items()}


@pytest.mark.parametrize(
    "entry, expected",
    [
        pytest.param(member("a", content=b"hello"), File("a", "file", 0o644, size=5, digest=HELLO), id="file"),
        pytest.param(
            member("./a", content=b"hello", mode=0o4755, uid=1, gid=2),
            File("a", "file", 0o4755, 1, 2, 5, HELLO),
            id="mode-and-owner",
        ),
        pytest.param(member("d/", tarfile.DIRTYPE, mode=0o755), File("d", "directory", 0o755), id="directory"),
        pytest.param(
            member("/l", tarfile.SYMTYPE, linkname="../x", mode=0o777),
            File("l", "symlink", 0o777, target="../x"),
            id="link",
        ),
        pytest.param(
            member("n", tarfile.CHRTYPE, devmajor=1, devminor=3), File("n", "special", 0o644, target="1:3"), id="device"
        ),
        pytest.param(member("d/.wh.a"), File("d/a", "whiteout"), id="whiteout"),
        pytest.param(member(".wh.a"), File("a", "whiteout"), id="whiteout-in-the-root"),
        pytest.param(member("d/.wh..wh..opq"), File("d", "opaque"), id="opaque"),
        pytest.param(member("./", tarfile.DIRTYPE), None, id="root"),
        pytest.param(member(".wh..wh.plnk"), None, id="aufs"),
        pytest.param(member("\udcff"), File("\\xff", "file", 0o644, digest=EMPTY), id="not-utf-8"),
    ],
)
def test_an_entry(entry: Add, expected: File | None) -> None:
    assert files(tar(entry)) == ((expected,) if expected else ())


def test_a_hard_link_is_another_name() -> None:
    found = shown(
        tar(
            member("d/a", content=b"hello"),
            member("b", tarfile.LNKTYPE, linkname="d/a"),
            member("b2", tarfile.LNKTYPE, linkname="/b"),
            member("c", tarfile.LNKTYPE, linkname="elsewhere"),
            member("e", tarfile.LNKTYPE, linkname="e"),
        )
    )
    for name, target in (("b", "d/a"), ("b2", "b")):
        assert found[name] == File(name, "hardlink", 0o644, size=5, digest=HELLO, target=target)
    for name, target in (("c", "elsewhere"), ("e", "e")):
        assert found[name] == File(name, "hardlink", 0o644, target=target)


def test_a_hard_link_is_of_its_own_layer() -> None:
    found = shown(tar(member("a", content=b"hello")), tar(member("b", tarfile.LNKTYPE, linkname="a")))
    assert (found["b"].digest, found["b"].target) == ("", "a")


def test_the_last_of_two_entries_counts() -> None:
    found = shown(tar(member("a", content=b"first"), member("./a", content=b"hello")))
    assert (len(found), found["a"].digest) == (1, HELLO)


def test_a_whiteout_takes_nothing_from_its_own_layer() -> None:
    layer = tar(
        member("d/", tarfile.DIRTYPE, mode=0o755),
        member("d/.wh..wh..opq"),
        member("d/a", content=b"hello"),
        member("d/.wh.a"),
    )
    assert [(file.path, file.kind) for file in files(layer)] == [
        ("d", "directory"),
        ("d", "opaque"),
        ("d/a", "file"),
        ("d/a", "whiteout"),
    ]
    assert [(path, file.kind) for path, file in shown(layer).items()] == [("d", "directory"), ("d/a", "file")]


def test_any_chunks_give_the_same_and_all_are_read() -> None:
    data = tar(*(member(f"f{n}", content=b"x" * n) for n in range(50))) + bytes(5000)
    chunks = iter([data[start : start + 77] for start in range(0, len(data), 77)])
    assert tuple(read_files(chunks, FileCount())) == files(data)
    assert next(chunks, None) is None


@pytest.mark.parametrize(
    "data", [b"no tar" * 200, tar(member("a", content=b"x" * 3000))[:2000]], ids=["not-a-tar", "cut"]
)
def test_invalid_tars(data: bytes) -> None:
    with pytest.raises(InvalidContent, match="not a layer's tar"):
        files(data)


@pytest.mark.parametrize("chunks", [(), (b"",), (bytes(1024),)])
def test_a_layer_without_files(chunks: tuple[bytes, ...]) -> None:
    assert files(*chunks) == ()

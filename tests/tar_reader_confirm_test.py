"""Comparison with GNU tar, which writes tars in all of its formats and lists them; our reader finds the same."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from ocikit.errors import InvalidContent
from ocikit.layer.tar_reader import Member, StreamSource, read_members

FORMATS = ("v7", "oldgnu", "gnu", "ustar", "posix")
# GNU tar skips what a format cannot hold, with an error.
LONG = "/".join(["directory-" * 5] * 3 + ["file-" * 12])
VERY_LONG = "/".join(["d" * 200] * 4)
CONTENTS = {"empty": b"", "block": b"x" * 512, "a b": b"space", "ü\nnew": b"odd", LONG: b"long", VERY_LONG: b"very"}
LINE = re.compile(
    r"(?P<mode>.{10}) (?P<uid>\d+)/(?P<gid>\d+) +(?:(?P<device>\d+,\d+)|(?P<size>\d+)) \S+ [\d:.]+ +(?P<name>\S.*?)"
    r"(?: -> (?P<target>.*)| link to (?P<linked>.*))?"
)


def tar(*arguments: str, folder: Path) -> bytes:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(("tar", *arguments), check=False, cwd=folder, env=environment, capture_output=True)
    # 2: a name is too long for the format.
    assert done.returncode in (0, 2), done
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name, content in CONTENTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        os.utime(root / name, ns=(0, -1_500_000_000 if name == "empty" else 1_600_000_000_123_456_789))
    (root / "a b").chmod(0o4751)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_bytes(b"latin")
    (root / "z-link").symlink_to("x" * 150)
    (root / "z-short").symlink_to("../a b")
    os.link(root / LONG, root / "z-same")
    os.mkfifo(root / "z-pipe")
    return root


def as_read(member: Member) -> tuple[str, int, int, str, str, int | None]:
    kinds = {b"0": "-", b"1": "h", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}
    mode = kinds[member.kind] + stat.filemode(member.mode)[1:]
    device = f"{member.device[0]},{member.device[1]}" if member.kind in (b"3", b"4") else ""
    name = f"{member.name} -> {member.link}" if member.link else member.name
    return mode, member.uid, member.gid, device, name, None if device else member.size


def as_tar_lists(line: str) -> tuple[str, int, int, str, str, int | None]:
    found = LINE.fullmatch(line)
    assert found, line
    name, *links = (_unquoted(found[key]) for key in ("name", "target", "linked") if found[key] is not None)
    size = None if found["device"] else int(found["size"])
    return (
        found["mode"],
        int(found["uid"]),
        int(found["gid"]),
        found["device"] or "",
        f"{name} -> {links[0]}" if links else name,
        size,
    )


def _unquoted(text: str) -> str:
    return text.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("tar_format", FORMATS)
@pytest.mark.parametrize("owner", [0, 1000, 2**31], ids=str)
def test_gnu_tar_lists_the_same(tar_format: str, owner: int, tree: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "a.tar")
    owners = (f"--owner={owner}", f"--group={owner + 1}")
    tar("--create", f"--format={tar_format}", *owners, "--sort=name", f"--file={path}", ".", "/dev/null", folder=tree)
    options = ("--verbose", "--full-time", "--numeric-owner", "--quoting-style=escape")
    listed = tar("--list", *options, f"--file={path}", folder=tmp_path).decode("ascii").splitlines()
    source = StreamSource([Path(path).read_bytes()])
    members = [(found, b"".join(source.pieces(found.size))) for found in read_members(source)]
    assert [as_read(found) for found, _ in members] == [as_tar_lists(line) for line in listed]
    # These formats have no room for owners above seven octal digits, so nothing is packed.
    assert len(members) == 0 if owner > 8**7 and tar_format in ("v7", "ustar") else len(members) >= 9
    for found, content in members:
        if found.kind == b"0" and found.name != "z-same":
            assert content == (tree / os.fsencode(found.name).decode("utf-8", "surrogateescape")).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        *(("--format=gnu",), ("--format=oldgnu",)),
        *(("--format=posix", f"--sparse-version={version}") for version in ("0.0", "0.1", "1.0")),
    ],
    ids=" ".join,
)
def test_sparse_files_are_refused(options: tuple[str, ...], tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as stream:
        stream.write(b"start")
        stream.truncate(2**40)
    data = tar("--create", "--sparse", *options, "--file=-", "sparse", folder=tmp_path)
    assert len(data) < 100_000
    with pytest.raises(InvalidContent, match="is a sparse file, which layers must not have"):
        list(read_members(StreamSource([data])))

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from pants_oci.layers.unseen import unseen_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    data = tmp_path / "web" / "data"
    (data / "sub").mkdir(parents=True)
    (data / "sub" / "x").write_text("x")
    (data / "good").write_text("x")
    os.mkfifo(data / "pipe")
    os.mkfifo(data / "sub" / "deep")
    (data / "link").symlink_to("good")
    (data / "dangling").symlink_to("nowhere")
    os.symlink(b"\xff", os.fsencode(data) + b"/odd-link")
    Path(os.fsdecode(os.fsencode(data) + b"/bad\xff")).write_text("x")
    Path(os.fsdecode(os.fsencode(data) + b"/folder\xfe")).mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(data)
        listener.bind("sock")
    return tmp_path


PIPE, DEEP, SOCK = '"web/data/pipe" is a FIFO', '"web/data/sub/deep" is a FIFO', '"web/data/sock" is a socket'
BAD, FOLDER = '"web/data/bad\\xff" is not UTF-8', '"web/data/folder\\xfe" is not UTF-8'
LINK = '"web/data/odd-link" is a link whose target is not UTF-8'


@pytest.mark.parametrize(
    "globs, folders, expected",
    [
        pytest.param(["data/**"], ["web/data", "web/data/sub"], [BAD, FOLDER, LINK, PIPE, SOCK, DEEP], id="all"),
        pytest.param(["data/**"], ["web/data/sub"], [BAD, FOLDER, LINK, PIPE, SOCK, DEEP], id="folders-above"),
        pytest.param(["data/*"], [], [BAD, FOLDER, LINK, PIPE, SOCK], id="where-a-glob-begins"),
        pytest.param(["data/pi*", "data/s*"], [], [PIPE, SOCK], id="some-names"),
        pytest.param(["data/**", "!data/pipe", "!data/[bfo]*", "!**/deep"], ["web/data/sub"], [SOCK], id="left-out"),
        pytest.param(["data/*.txt"], ["web/data"], [], id="no-match"),
        pytest.param(["data/pipe"], [], [PIPE], id="by-name"),
        pytest.param(["*.txt"], ["web"], [], id="another-folder"),
        pytest.param(["missing/**"], ["elsewhere"], [], id="missing"),
    ],
)
def test_files_that_pants_does_not_see(root: Path, globs: list[str], folders: list[str], expected: list[str]) -> None:
    assert list(unseen_files(str(root), "web", globs, folders)) == expected


def test_at_the_root(root: Path) -> None:
    assert list(unseen_files(str(root), "", ["web/data/pipe"], ["web/data"])) == [PIPE]
    assert list(unseen_files(str(root / "web" / "data"), "", ["p*"], [""])) == ['"pipe" is a FIFO']


def test_files_that_git_ignores_are_left_out(root: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / ".gitignore").write_text("pipe\nsock\n")
    assert list(unseen_files(str(root), "web", ["data/*"], [])) == [BAD, FOLDER, LINK]

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from ocikit import atomic_file
from ocikit.errors import OcikitError

_WRITER = """
import sys, time
from ocikit.atomic_file import new_file
with new_file(sys.argv[1]) as file:
    file.write(b"part" * 100_000)
    print("writing", flush=True)
    time.sleep(60)
"""


def start_writer(directory: Path) -> subprocess.Popen[bytes]:
    """Start a process that has begun to write a file and does not end."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(directory)], stdout=subprocess.PIPE, env=environ)
    assert writer.stdout
    assert writer.stdout.readline() == b"writing\n"
    return writer


def kill(writer: subprocess.Popen[bytes]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.communicate()


def started(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{atomic_file.FOLDER}/*"))


def test_the_next_writer_removes_files_of_killed_writers(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path) for _ in range(3)]
    for writer in writers:
        kill(writer)
    assert len(started(tmp_path)) == 3
    atomic_file.write(str(tmp_path / "a"), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_file_of_a_running_writer_is_kept(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    try:
        before = started(tmp_path)
        atomic_file.write(str(tmp_path / "a"), b"content")
        assert started(tmp_path) == before
        assert before
    finally:
        kill(writer)
    atomic_file.write(str(tmp_path / "a"), b"again")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_was_not_committed_is_removed(tmp_path: Path) -> None:
    with atomic_file.new_file(str(tmp_path / "made")) as file:
        file.write(b"x")
    assert list((tmp_path / "made").iterdir()) == []


def test_concurrent_writers(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for again in range(50):
                atomic_file.write(str(tmp_path / f"{number}-{again % 5}"), b"%d" % number * 1000)
                atomic_file.write(str(tmp_path / "shared"), b"%d" % number * 1000)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(list(tmp_path.iterdir())) == 41
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"%d" % number * 1000 for number in range(8)}


def test_the_folder_has_the_mode_of_its_parent(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    with atomic_file.new_file(str(tmp_path)):
        assert (tmp_path / atomic_file.FOLDER).stat().st_mode & 0o777 == 0o775


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can be other users.")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_concurrent_writers_of_several_users() -> None:
    """One user creates the folder, and another uses it before its mode is set."""
    shared = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        shared.chmod(0o1777)
        users = [os.fork() or _write_as(user, shared) for user in (0, 65534, 65533)]
        assert [os.waitstatus_to_exitcode(os.waitpid(user, 0)[1]) for user in users] == [0, 0, 0]
        # With the sticky bit, only the folder's owner and root can remove it.
        atomic_file.write(str(shared / "0"), b"content")
        assert sorted(path.name for path in shared.iterdir()) == ["0", "65533", "65534"]
    finally:
        shutil.rmtree(shared)


def _write_as(user: int, folder: Path) -> NoReturn:
    """Write as another user, in a child process, and end that process."""
    failed = 1
    try:
        os.umask(0o022)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        for _ in range(500):
            atomic_file.write(str(folder / str(user)), b"content")
        failed = 0
    finally:
        os._exit(failed)


def test_links_in_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / atomic_file.FOLDER).mkdir()
    (tmp_path / atomic_file.FOLDER / "link").symlink_to("../precious")
    os.mkfifo(tmp_path / atomic_file.FOLDER / "pipe")
    atomic_file.write(str(tmp_path / "a"), b"content")
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["precious", "file-precious"])
def test_a_link_instead_of_the_folder_is_an_error(tmp_path: Path, name: str) -> None:
    precious, out = tmp_path / "home" / name, tmp_path / "out"
    for folder in (precious.parent, out):
        folder.mkdir()
    precious.write_bytes(b"precious")
    (out / atomic_file.FOLDER).symlink_to("../home")
    with pytest.raises(OcikitError, match=f'"{out}/{atomic_file.FOLDER}" is a link'):
        atomic_file.write(str(out / "a"), b"content")
    assert list((tmp_path / "home").iterdir()) == [precious]
    assert precious.read_bytes() == b"precious"
    assert not (out / "a").exists()


def test_other_files_in_the_folder_are_kept(tmp_path: Path) -> None:
    (tmp_path / atomic_file.FOLDER).mkdir()
    (tmp_path / atomic_file.FOLDER / "precious").write_bytes(b"precious")
    atomic_file.write(str(tmp_path / "a"), b"content")
    assert (tmp_path / atomic_file.FOLDER / "precious").read_bytes() == b"precious"


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OcikitError, match=f'cannot write below "{tmp_path}/file'):
        atomic_file.write(str(tmp_path / "file" / "a"), b"")

"""A swarm leaves nothing behind, even if a test fails while a container runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from support.commands import run
from support.swarm import swarm


@pytest.mark.container
def test_nothing_is_left_of_a_swarm_whose_test_failed(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    shutil.copy(shutil.which("busybox") or "busybox-static is missing; ./test installs it", tmp_path / "box")
    run("tar", "--create", f"--directory={tmp_path}/box", f"--file={tmp_path}/box.tar", "busybox")
    folders: list[Path] = []

    def fail() -> None:
        with swarm() as made:
            folders.append(Path(made.socket[len("unix://") :]).parent)
            made.docker("import", f"{tmp_path}/box.tar", "box")
            made.docker("run", "--detach", "box", "/busybox", "sleep", "54321")
            assert seen_of(folders[0]) == {"files", "groups", "interface", "processes"}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen_of(folders[0]) == set()


def seen_of(folder: Path) -> set[str]:
    name = f"swarm{os.getpid()}"
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            commands.append(path.read_bytes())
    seen = {
        "files": folder.exists(),
        "groups": any(name in folders for _, folders, _ in os.walk("/sys/fs/cgroup")),
        "interface": name in run("ip", "link"),
        "mounts": str(folder) in Path("/proc/mounts").read_text(),
        "processes": any(str(folder).encode() in text or b"\x0054321" in text for text in commands),
    }
    return {what for what, is_seen in seen.items() if is_seen}

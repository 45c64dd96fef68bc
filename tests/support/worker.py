"""Places to run a process of Pants: directly here, or in another sandbox, as on the worker of a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import pytest

BUBBLEWRAP = "/usr/bin/bwrap"
# The root is the input root: it has no `/tmp`, no home, and only Debian's `/bin`.
_SYSTEM = ("/usr:/usr", "/usr/bin:/bin", "/usr/lib:/lib", "/usr/lib64:/lib64", "/etc:/etc")
_ASK = """
import json, sys, sysconfig
print(json.dumps([sys.base_prefix, sysconfig.get_path("purelib"), "python%d.%d" % sys.version_info[:2]]))
"""


@dataclass(frozen=True)
class Job:
    """A process that Pants requests: the arguments of the interpreter, files by path, and outputs."""

    words: tuple[str, ...]
    files: Mapping[str, bytes]
    outputs: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    symlinks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Worker:
    """The layout of files for a process, and its user.

    `modes`: of files, of executable files, of folders.
    `seconds`: the time of all files, folders and links; 0 is now. `linked`: files are hard links into a store.
    `backwards`: create files in reverse order, on a tmpfs, which lists them in that order.
    """

    modes: tuple[int, int, int] = (0o644, 0o755, 0o755)
    seconds: int = 0
    linked: bool = False
    backwards: bool = False
    user: int = 0
    umask: int = 0o022
    env: Mapping[str, str] = field(default_factory=dict)


def run_here(job: Job, folder: Path, python: str, *paths: Path) -> Mapping[str, bytes]:
    """Run a process here and return its outputs by path; it must not write other files. `paths`: its import path."""
    _stage(job, folder, Worker())
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **job.env}
    return _outputs(job, folder, [python, *job.words], cwd=folder, env=env)


def run_there(job: Job, worker: Worker, python: str, *paths: Path) -> Mapping[str, bytes]:
    """Run a process on a worker: another root, another path of the same Python, no network, only variables of `env`."""
    prefix, packages, name = _installation(python)
    mounts = [*_SYSTEM, f"{prefix}:/opt/python", f"{packages}:/opt/0"]
    mounts += [f"{path}:/opt/{number}" for number, path in enumerate(paths, 1)]
    found = {
        "LD_LIBRARY_PATH": "/opt/python/lib",
        "PYTHONPATH": ":".join(f"/opt/{number}" for number in range(len(paths) + 1)),
    }
    with _folder(worker) as folder:
        _stage(job, folder, worker)
        command = [BUBBLEWRAP, "--unshare-all", "--die-with-parent", "--hostname", "worker"]
        command += ["--uid", str(worker.user), "--gid", str(worker.user), "--bind", str(folder), "/"]
        for mount in mounts:
            command += ["--ro-bind", *mount.split(":")]
        command += [
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--chdir",
            "/",
            f"/opt/python/bin/{name}",
            *job.words,
        ]
        return _outputs(
            job, folder, command, env={**found, **worker.env, **job.env}, preexec_fn=partial(os.umask, worker.umask)
        )


def _outputs(job: Job, folder: Path, command: list[str], **options: object) -> Mapping[str, bytes]:
    if not os.path.exists(BUBBLEWRAP):
        pytest.fail("bubblewrap is missing; ./test installs all that the tests use.")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    new = {
        path: file.read_bytes() for path, file in found.items() if path not in job.files and path not in job.symlinks
    }
    undeclared = [path for path in new if not any(path == out or path.startswith(f"{out}/") for out in job.outputs)]
    assert new and not undeclared
    return new


@contextmanager
def _folder(worker: Worker) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if worker.backwards else None) as folder:
        yield Path(folder, "root")


def _stage(job: Job, folder: Path, worker: Worker) -> None:
    plain, executable, directory = worker.modes
    folder.mkdir(parents=True)
    store = folder.parent / "store"
    store.mkdir(exist_ok=True)
    for path in sorted(job.directories, reverse=worker.backwards):
        (folder / path).mkdir(parents=True)
    for path, content in sorted(job.files.items(), reverse=worker.backwards):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(executable if path in job.executable else plain)
        if worker.linked:
            os.link(file, store / str(len(os.listdir(store))))
    for path, target in job.symlinks.items():
        (folder / path).symlink_to(target)
    for each in (*folder.rglob("*"), folder):
        if each.is_dir() and not each.is_symlink():
            each.chmod(directory)
        if worker.seconds:
            os.utime(each, (worker.seconds, worker.seconds), follow_symlinks=False)


@lru_cache
def _installation(python: str) -> tuple[str, str, str]:
    """The prefix of a Python, the folder of its packages, and the name of its program."""
    done = subprocess.run([python, "-c", _ASK], capture_output=True, check=True)
    prefix, packages, name = json.loads(done.stdout)
    return prefix, packages, name

"""`buildbox-casd`, a real server of the Remote Execution API: a cache, and optionally a worker."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cache_server import CacheServer
from support.registry_process import free_port

# The folder in which processes on the worker leave files for later ones.
CACHES = "/caches"
_COMMAND = re.compile(rf"Executing /usr/bin/bwrap .* {CACHES} (.*)")
# The system as processes on the worker see it. `/bin` itself may be a link, which bubblewrap cannot mount.
_SYSTEM = ("/usr:/usr", "/usr/bin:/bin", "/usr/lib:/lib", "/usr/lib64:/lib64", "/etc:/etc")


class Casd(CacheServer):
    _READ = re.compile(r"Bytestream\.Read\(blobs/([0-9a-f]{64})/(\d+)\)")
    _CALL = re.compile(r"(\w+) request from \[peer=")

    def __init__(self, folder: Path, executes: bool = False) -> None:
        programs = _programs()
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        arguments = [f"--bind=127.0.0.1:{port}", "--log-level=debug"]
        if executes:
            env = f"{_env_with_path(folder)}:/bin/env"
            arguments += [f"--buildbox-run={programs / 'buildbox-run'}", "--jobs=2"]
            arguments.append(f"--runner-arg=--bind-mount={_made(folder / 'caches')}:{CACHES}")
            arguments += [f"--runner-arg=--ro-bind-mount={mount}" for mount in (*_SYSTEM, env)]
        command: list[str | Path] = [programs / "buildbox-casd", *arguments, folder / "store"]
        super().__init__(folder, port, command, {"PATH": f"/usr/bin:/bin:{programs}"})

    def blob(self, sha256: str) -> Path:
        return self.folder / "store/cas/objects" / sha256[:2] / sha256[2:]


@contextmanager
def casd(folder: Path, executes: bool = False) -> Iterator[Casd]:
    """Run a server within a `with`; it has a worker if it `executes`."""
    server = Casd(folder, executes)
    try:
        yield server
    finally:
        server.stop()


def commands(log: str) -> list[str]:
    """The commands that a worker ran, by its log: the first line of the arguments of each."""
    return [found[1] for found in _COMMAND.finditer(log)]


def _env_with_path(folder: Path) -> Path:
    """Write an `env` with a PATH: Pants runs it to find the worker's PATH, and this worker sets none."""
    program = folder / "env"
    program.write_text('#!/bin/sh\nPATH=/usr/bin:/bin exec /usr/bin/env "$@"\n')
    program.chmod(0o755)
    return program


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _programs() -> Path:
    folder = os.environ.get("TEST_BUILDBOX")
    if not folder:
        pytest.fail("TEST_BUILDBOX names no folder with buildbox-casd; ./test installs all that the tests use.")
    return Path(folder)

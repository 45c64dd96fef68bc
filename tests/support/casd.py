"""`buildbox-casd`, a real server of the Remote Execution API: a cache, and where it is asked to, a worker as well."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

# Where processes on the worker leave things for those that come after them.
CACHES = "/caches"

_READ = re.compile(r"Bytestream\.Read\(blobs/([0-9a-f]{64})/(\d+)\)")
_COMMAND = re.compile(rf"Executing /usr/bin/bwrap .* {CACHES} (.*)")
# The system as processes on the worker see it. `/bin` itself may be a link, which bubblewrap cannot mount.
_SYSTEM = ("/usr:/usr", "/usr/bin:/bin", "/usr/lib:/lib", "/usr/lib64:/lib64", "/etc:/etc")


class Casd:
    """A running server. Its store in `folder` outlives it: started again there, it has what it had."""

    def __init__(self, folder: Path, executes: bool = False, mounts: tuple[str, ...] = (), port: int = 0) -> None:
        self.folder = folder
        self.port = port or _free_port()
        self._log = folder / "log"
        programs = _programs()
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [f"--bind=127.0.0.1:{self.port}", "--log-level=debug"]
        if executes:
            mounts = (*mounts, f"{_env_with_path(folder)}:/bin/env")
            arguments += [f"--buildbox-run={programs / 'buildbox-run'}", "--jobs=2"]
            arguments.append(f"--runner-arg=--bind-mount={_made(folder / 'caches')}:{CACHES}")
            arguments += [f"--runner-arg=--ro-bind-mount={mount}" for mount in (*_SYSTEM, *mounts)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [programs / "buildbox-casd", *arguments, folder / "store"],
                env={"PATH": f"/usr/bin:/bin:{programs}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    @property
    def address(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def reads(self, since: int = 0) -> Mapping[str, int]:
        """The size in bytes of every blob that was read, by its SHA-256, since the log was `since` bytes long."""
        return {found[1]: int(found[2]) for found in _READ.finditer(self.log[since:])}

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def blob(self, sha256: str) -> Path:
        """Where a blob is kept: who deletes this file evicts it."""
        return self.folder / "store/cas/objects" / sha256[:2] / sha256[2:]

    def pause(self) -> None:
        """Answer nothing any more, and keep connections."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def _wait(self) -> None:
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        pytest.fail(f"buildbox-casd does not start: {self.log[-2000:]}")


@contextmanager
def casd(folder: Path, executes: bool = False, mounts: tuple[str, ...] = ()) -> Iterator[Casd]:
    """Run a server for the time of a `with`. `mounts`: more of this machine that its worker sees, as `HERE:THERE`."""
    server = Casd(folder, executes, mounts)
    try:
        yield server
    finally:
        server.stop()


def commands(log: str) -> list[str]:
    """What a worker ran, as its log tells: of each the first line of its arguments."""
    return [found[1] for found in _COMMAND.finditer(log)]


def _env_with_path(folder: Path) -> Path:
    """An `env`, which Pants asks for the worker's PATH: of itself this worker gives its processes none."""
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

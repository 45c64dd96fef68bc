"""The common part of servers of the Remote Execution API: a process, and a log of every call."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


class CacheServer:
    """A running server. Its content in `folder` outlives it: a server started there later has the same content.

    `options`: more of Pants's options to reach it, besides its address.
    """

    options: Mapping[str, str] = {}
    # Its log lines of a blob that a client reads (SHA-256 and size), and of a method that a client calls.
    _READ: re.Pattern[str]
    _CALL: re.Pattern[str]

    def __init__(
        self, folder: Path, port: int, arguments: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self._log = folder / "log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

    @property
    def address(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def reads(self, since: int = 0) -> Mapping[str, int]:
        """The bytes read of each blob, by SHA-256, since the log was `since` characters long.

        Every read of a blob adds its size. Only streams are logged one by one: see `calls`.
        """
        sizes: Counter[str] = Counter()
        for found in self._READ.finditer(self.log[since:]):
            sizes[found[1]] += int(found[2])
        return sizes

    def calls(self, since: int = 0) -> frozenset[str]:
        """The methods that clients called since then."""
        return frozenset(found[1] for found in self._CALL.finditer(self.log[since:]))

    def blob(self, sha256: str) -> Path:
        """The file of a blob; deleting it evicts the blob."""
        raise NotImplementedError

    def pause(self) -> None:
        """Stop responding, and keep connections open."""
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
        for _ in range(600):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        pytest.fail(f"{type(self).__name__} does not start: {self.log[-2000:]}")

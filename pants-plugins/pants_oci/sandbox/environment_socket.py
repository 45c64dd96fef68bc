"""Environment variables that Pants passes to processes over a socket, so that it does not record them.

`Process(env=…)` would put the values into the log (`-ldebug` shows processes), into the sandboxes that
`--keep-sandboxes` keeps, and into caches. Passwords for credential helpers and for proxies are among them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from pants.engine.env_vars import CompleteEnvironmentVars, EnvironmentVarsRequest
from pants.engine.internals.native_engine import (
    PyStdioDestination,
    stdio_thread_get_destination,
    stdio_thread_set_destination,
)
from pants.engine.internals.session import SessionValues
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel

from ocikit import atomic_file
from ocikit.sandbox.environment_socket import REGISTRIES_VARIABLE, VARIABLE
from ocikit.spec import canonical_json
from pants_oci.compat import by_name, environment_vars_subset, implicitly
from pants_oci.log import printable_logger

logger = printable_logger(__name__)

# A named cache that persists between runs: its path in processes that use registries, and its name.
MEMORY_DIRECTORY = ".oci"
MEMORY_CACHE = "pants_oci"

# A socket's path is limited to about a hundred bytes; the folder for temporary files may have a longer one.
_LONGEST_FOLDER = 60
_LONGEST_LINE = 1000


@dataclass(frozen=True)
class EnvironmentSocketRequest:
    """Pass variables to a process; `names` are `NAME` or `NAME=value`."""

    names: tuple[str, ...]


class EnvironmentSocket:
    """Sends `document` to every process of this user that connects to the socket, until this object is deleted.

    `on_line` is called, in another thread, with each line that a process sends back: its progress.
    """

    def __init__(self, document: bytes, on_line: Callable[[str], None] = lambda line: None) -> None:
        folder = tempfile.gettempdir()
        # `mkdtemp` gives only the owner access. Nothing else protects the socket.
        self._folder = tempfile.mkdtemp(prefix="pants-oci-", dir=folder if len(folder) <= _LONGEST_FOLDER else "/tmp")  # noqa: S108
        self._path = os.path.join(self._folder, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path)
        listener.listen()
        threading.Thread(target=_serve, args=(listener, document, on_line), daemon=True).start()
        weakref.finalize(self, _end, listener, self._folder)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the process itself needs."""
        return {VARIABLE: self._path}


# Uncacheable, because the object of an earlier run may be deleted, and its socket with it.
@_uncacheable_rule(desc="Read environment variables for registries", level=LogLevel.TRACE)
async def open_socket(request: EnvironmentSocketRequest) -> EnvironmentSocket:
    variables = await environment_vars_subset(EnvironmentVarsRequest(request.names), **implicitly())
    return EnvironmentSocket(canonical_json.dumps(variables), _logged_where(stdio_thread_get_destination()))


call_environment_socket = by_name(open_socket, EnvironmentSocket, EnvironmentSocketRequest)


@dataclass(frozen=True)
class WholeEnvironmentRequest:
    """Pass the whole environment that Pants was called with to a tool that users could call there themselves."""


@_uncacheable_rule(desc="Read environment variables for tools", level=LogLevel.TRACE)
async def open_socket_with_everything(_: WholeEnvironmentRequest, session: SessionValues) -> EnvironmentSocket:
    return EnvironmentSocket(canonical_json.dumps(session[CompleteEnvironmentVars]))


call_whole_environment = by_name(open_socket_with_everything, EnvironmentSocket, WholeEnvironmentRequest)


@dataclass(frozen=True)
class PersistentEnvironmentSocketRequest:
    """Pass variables, and `registries` as JSON, to a process whose result is cached and which `key` identifies.

    Its environment must be equal in every run, so the process finds the socket through a folder that Pants keeps.
    """

    key: str
    names: tuple[str, ...]
    registries: str


class PersistentEnvironmentSocket:
    """A file in `folder` that names the socket, until this object is deleted."""

    def __init__(self, document: bytes, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment_socket = EnvironmentSocket(document)
        self.environment = environment
        _forget_ended_runs(folder)
        pointer = folder / secrets.token_hex(8)
        atomic_file.write(str(pointer), self._environment_socket.environment[VARIABLE].encode())
        weakref.finalize(self, _forget, pointer)


@_uncacheable_rule(desc="Read environment variables for cached processes", level=LogLevel.TRACE)
async def open_persistent_socket(
    request: PersistentEnvironmentSocketRequest, options: GlobalOptions
) -> PersistentEnvironmentSocket:
    variables = await environment_vars_subset(EnvironmentVarsRequest(request.names), **implicitly())
    document = canonical_json.dumps({**variables, REGISTRIES_VARIABLE: request.registries})
    inside = f"handed-over/{request.key}"
    folder = Path(str(options.named_caches_dir), MEMORY_CACHE, inside)
    return PersistentEnvironmentSocket(document, folder, {VARIABLE: f"{MEMORY_DIRECTORY}/{inside}"})


call_persistent_environment_socket = by_name(
    open_persistent_socket, PersistentEnvironmentSocket, PersistentEnvironmentSocketRequest
)


def _forget(pointer: Path) -> None:
    with suppress(OSError):
        pointer.unlink()
        # Fails if another run still uses the folder.
        pointer.parent.rmdir()


def _forget_ended_runs(folder: Path) -> None:
    """Delete the files of runs that were killed."""
    for pointer in folder.glob("[!.]*"):
        with suppress(OSError):
            if not os.path.exists(pointer.read_text()):
                pointer.unlink()


def _serve(listener: socket.socket, document: bytes, on_line: Callable[[str], None]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection, document, on_line), daemon=True).start()


def _converse(connection: socket.socket, document: bytes, on_line: Callable[[str], None]) -> None:
    """Serve one connection; return at the latest when the process at the other end has ended."""
    with connection, suppress(OSError), connection.makefile("rb") as received:
        connection.sendall(document)
        connection.shutdown(socket.SHUT_WR)
        while data := received.readline(_LONGEST_LINE):
            on_line(data.decode(errors="replace").rstrip("\n"))


def _logged_where(destination: PyStdioDestination) -> Callable[[str], None]:
    """Log lines to the run with this destination; a thread that Pants did not start has no destination."""

    def log(line: str) -> None:
        stdio_thread_set_destination(destination)
        logger.info("%s", line)

    return log


def _end(listener: socket.socket, folder: str) -> None:
    # On Linux, `close` alone leaves the thread waiting. On macOS, `shutdown` of a listener is an error.
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    shutil.rmtree(folder, ignore_errors=True)


def rules() -> Iterable[object]:
    return collect_rules()

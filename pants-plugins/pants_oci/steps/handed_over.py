"""Environment variables for processes that Pants must not write down: handed over on a socket.

The obvious way, `Process(env=…)`, puts the values into the log (`-ldebug` shows processes), into the sandboxes that
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

from ocikit import atomic_file, canonical_json
from ocikit.cli.handed_over import REGISTRIES_VARIABLE, VARIABLE
from pants_oci.compat import by_name, environment_vars_subset, implicitly
from pants_oci.log import printable_logger

logger = printable_logger(__name__)

# A folder that stays from run to run, as processes that speak to registries see it, and what Pants calls it.
MEMORY_DIRECTORY = ".oci"
MEMORY_CACHE = "pants_oci"

# A socket's path has about a hundred bytes, and a folder for temporary files may have a longer one.
_LONGEST_FOLDER = 60
_LONGEST_LINE = 1000


@dataclass(frozen=True)
class HandOverRequest:
    """Names of variables, as `NAME` or `NAME=value`."""

    names: tuple[str, ...]


class HandedOver:
    """Says `document` to every process of this user that connects to the socket, for as long as this object lives.

    `hear` is called, in another thread, with each line that a process says in turn: how far its work has come.
    """

    def __init__(self, document: bytes, hear: Callable[[str], None] = lambda line: None) -> None:
        folder = tempfile.gettempdir()
        # Made for nobody but its owner; that is all that protects the socket.
        self._folder = tempfile.mkdtemp(prefix="pants-oci-", dir=folder if len(folder) <= _LONGEST_FOLDER else "/tmp")  # noqa: S108
        self._path = os.path.join(self._folder, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path)
        listener.listen()
        threading.Thread(target=_serve, args=(listener, document, hear), daemon=True).start()
        weakref.finalize(self, _end, listener, self._folder)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process's own environment must have."""
        return {VARIABLE: self._path}


# In every run anew: the object of an earlier one may be gone, and its socket with it.
@_uncacheable_rule(desc="Read environment variables for registries", level=LogLevel.TRACE)
async def hand_over(request: HandOverRequest) -> HandedOver:
    variables = await environment_vars_subset(EnvironmentVarsRequest(request.names), **implicitly())
    return HandedOver(canonical_json.dumps(variables), _logged_where(stdio_thread_get_destination()))


call_hand_over = by_name(hand_over, HandedOver, HandOverRequest)


@dataclass(frozen=True)
class HandOverEverythingRequest:
    """The whole environment that Pants was called with, for tools that people would call there themselves."""


@_uncacheable_rule(desc="Read environment variables for tools", level=LogLevel.TRACE)
async def hand_over_everything(_: HandOverEverythingRequest, session: SessionValues) -> HandedOver:
    return HandedOver(canonical_json.dumps(session[CompleteEnvironmentVars]))


call_hand_over_everything = by_name(hand_over_everything, HandedOver, HandOverEverythingRequest)


@dataclass(frozen=True)
class HandOverForGoodRequest:
    """Hand variables over, and `registries` as JSON, to a process whose result is kept under the name `key`.

    Its environment must be the same in every run: it finds the socket in a folder that Pants keeps.
    """

    key: str
    names: tuple[str, ...]
    registries: str


class HandedOverForGood:
    """A file in `folder` names the socket, for as long as this object lives."""

    def __init__(self, document: bytes, folder: Path, environment: Mapping[str, str]) -> None:
        self._handed_over = HandedOver(document)
        self.environment = environment
        _forget_ended_runs(folder)
        pointer = folder / secrets.token_hex(8)
        atomic_file.write(str(pointer), self._handed_over.environment[VARIABLE].encode())
        weakref.finalize(self, _forget, pointer)


@_uncacheable_rule(desc="Read environment variables for what is kept", level=LogLevel.TRACE)
async def hand_over_for_good(request: HandOverForGoodRequest, options: GlobalOptions) -> HandedOverForGood:
    variables = await environment_vars_subset(EnvironmentVarsRequest(request.names), **implicitly())
    document = canonical_json.dumps({**variables, REGISTRIES_VARIABLE: request.registries})
    inside = f"handed-over/{request.key}"
    folder = Path(str(options.named_caches_dir), MEMORY_CACHE, inside)
    return HandedOverForGood(document, folder, {VARIABLE: f"{MEMORY_DIRECTORY}/{inside}"})


call_hand_over_for_good = by_name(hand_over_for_good, HandedOverForGood, HandOverForGoodRequest)


def _forget(pointer: Path) -> None:
    with suppress(OSError):
        pointer.unlink()
        # Where no other run wants the same.
        pointer.parent.rmdir()


def _forget_ended_runs(folder: Path) -> None:
    """Those of a Pants that was killed are still there."""
    for pointer in folder.glob("[!.]*"):
        with suppress(OSError):
            if not os.path.exists(pointer.read_text()):
                pointer.unlink()


def _serve(listener: socket.socket, document: bytes, hear: Callable[[str], None]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection, document, hear), daemon=True).start()


def _converse(connection: socket.socket, document: bytes, hear: Callable[[str], None]) -> None:
    """Ends when the process on the other side does, at the latest."""
    with connection, suppress(OSError), connection.makefile("rb") as said:
        connection.sendall(document)
        connection.shutdown(socket.SHUT_WR)
        while data := said.readline(_LONGEST_LINE):
            hear(data.decode(errors="replace").rstrip("\n"))


def _logged_where(destination: PyStdioDestination) -> Callable[[str], None]:
    """Lines go to the log of the run that has this destination; a thread that is not Pants's has none by itself."""

    def hear(line: str) -> None:
        stdio_thread_set_destination(destination)
        logger.info("%s", line)

    return hear


def _end(listener: socket.socket, folder: str) -> None:
    # Closing alone leaves the thread waiting on Linux, and macOS refuses to shut a listener down.
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    shutil.rmtree(folder, ignore_errors=True)


def rules() -> Iterable[object]:
    return collect_rules()

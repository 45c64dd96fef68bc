"""Environment variables for processes that Pants must not write down: handed over on a socket.

The obvious way, `Process(env=…)`, puts the values into the log (`-ldebug` shows processes), into the sandboxes that
`--keep-sandboxes` keeps, and into caches. Passwords for credential helpers and for proxies are among them.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from ocikit import canonical_json
from ocikit.cli.handed_over import VARIABLE
from pants_oci.compat import by_name, environment_vars_subset, implicitly

# A socket's path has about a hundred bytes, and a folder for temporary files may have a longer one.
_LONGEST_FOLDER = 60


@dataclass(frozen=True)
class HandOverRequest:
    """Names of variables, as `NAME` or `NAME=value`."""

    names: tuple[str, ...]


class HandedOver:
    """Says `document` to every process of this user that connects to the socket, for as long as this object lives."""

    def __init__(self, document: bytes) -> None:
        folder = tempfile.gettempdir()
        # Made for nobody but its owner; that is all that protects the socket.
        self._folder = tempfile.mkdtemp(prefix="pants-oci-", dir=folder if len(folder) <= _LONGEST_FOLDER else "/tmp")  # noqa: S108
        self._path = os.path.join(self._folder, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path)
        listener.listen()
        threading.Thread(target=_serve, args=(listener, document), daemon=True).start()
        weakref.finalize(self, _end, listener, self._folder)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process's own environment must have."""
        return {VARIABLE: self._path}


# In every run anew: the object of an earlier one may be gone, and its socket with it.
@_uncacheable_rule(desc="Read environment variables for registries", level=LogLevel.TRACE)
async def hand_over(request: HandOverRequest) -> HandedOver:
    variables = await environment_vars_subset(EnvironmentVarsRequest(request.names), **implicitly())
    return HandedOver(canonical_json.dumps(variables))


call_hand_over = by_name(hand_over, HandedOver, HandOverRequest)


def _serve(listener: socket.socket, document: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(document)


def _end(listener: socket.socket, folder: str) -> None:
    # Closing alone leaves the thread waiting on Linux, and macOS refuses to shut a listener down.
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    shutil.rmtree(folder, ignore_errors=True)


def rules() -> Iterable[object]:
    return collect_rules()

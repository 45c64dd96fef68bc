"""Environment variables that Pants hands over on a socket, as `ssh-agent` does keys.

A process's environment is written to logs, to sandboxes that are kept and to caches, and what credential helpers need
is secret. So Pants gives a process only the path of a socket, and whoever may connect to it is told the rest.

The environment is part of what a process is found by in a cache, too, and a socket has another path in every run. What
is to be found again is given a folder instead: each file in it names the socket of a run that wants the same thing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ocikit import canonical_json
from ocikit.errors import InvalidInput

# Holds the path of the socket, or of a folder of files that hold such paths.
VARIABLE = "OCIKIT_ENVIRONMENT"
# One of those that are handed over: how registries are reached, `RegistryOptions.to_json` by registry.
REGISTRIES_VARIABLE = "OCIKIT_REGISTRIES"
_SECONDS = 10.0
_PART_SIZE = 64 * 1024


def handed_over(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables behind the socket that `VARIABLE` names; none where it names none.

    Raises InvalidInput where nobody answers there.
    """
    path = environ.get(VARIABLE)
    if not path:
        return {}
    failure: object = "no run of Pants waits there"
    for candidate in _sockets(path):
        try:
            data = _ask(candidate)
        except OSError as error:
            failure = error.strerror or error
        else:
            return canonical_json.loads_object(data, f'what "{candidate}" says', max_size=None)
    raise InvalidInput(
        f'the environment variables that Pants hands over cannot be read from "{path}": '
        f"{failure}. Pants hands them over only while it runs; run it again."
    )


def _sockets(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    for file in sorted(Path(path).glob("[!.]*")):
        # That of a run which has ended meanwhile is gone.
        with suppress(FileNotFoundError):
            yield file.read_text()


def _ask(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        return read_all(connection, _SECONDS)


def read_all(connection: socket.socket, seconds: float) -> bytes:
    """What the other side says until its end. Raises socket.timeout when that is not there within `seconds`."""
    deadline = time.monotonic() + seconds
    data = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        connection.settimeout(left)
        part = connection.recv(_PART_SIZE)
        if not part:
            return data
        data += part

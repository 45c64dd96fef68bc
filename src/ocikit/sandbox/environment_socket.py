"""Environment variables that Pants passes over a socket, as `ssh-agent` does with keys.

The environment of a process ends up in logs, in kept sandboxes and in caches, but credential helpers need secrets. So
Pants gives a process only the path of a socket, and the process reads the other variables from it.

The environment is also part of a process's cache key, and a socket has another path in every run. A process whose
result is cached gets a folder instead: each file in it has the path of the socket of a run that needs the same result.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ocikit.errors import InvalidInput
from ocikit.spec import canonical_json

# The path of the socket, or of a folder with files that contain such paths.
VARIABLE = "OCIKIT_ENVIRONMENT"
# A variable that is passed over the socket: options of registries, `RegistryOptions.to_json` by registry.
REGISTRIES_VARIABLE = "OCIKIT_REGISTRIES"
_SECONDS = 10.0
_PART_SIZE = 64 * 1024


def environment_from_socket(environ: Mapping[str, str]) -> dict[str, str]:
    """Read the variables from the socket that `VARIABLE` names; none if it is not set.

    Raises InvalidInput if no socket answers.
    """
    path = environ.get(VARIABLE)
    if not path:
        return {}
    failure: object = "no run of Pants is listening there"
    for candidate in _sockets(path):
        try:
            data = _ask(candidate)
        except OSError as error:
            failure = error.strerror or error
        else:
            return canonical_json.loads_object(data, f'the answer of "{candidate}"', max_size=None)
    raise InvalidInput(
        f'the environment variables from Pants cannot be read from "{path}": '
        f"{failure}. Pants passes them only while it runs; run it again."
    )


def _sockets(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    for file in sorted(Path(path).glob("[!.]*")):
        # A run that has just ended has deleted its file.
        with suppress(FileNotFoundError):
            yield file.read_text()


def _ask(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        return read_all(connection, _SECONDS)


def read_all(connection: socket.socket, seconds: float) -> bytes:
    """Read until the other side closes the connection. Raises socket.timeout after `seconds`."""
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

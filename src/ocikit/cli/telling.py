"""Who is told how far long work has come: people on standard error, or the Pants that waits for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Callable

from ocikit.cli.handed_over import VARIABLE, read_all
from ocikit.cli.output import tell
from ocikit.printable import printable
from ocikit.progress import Meter, telling

# A Pants that does not listen is not waited for longer.
_SECONDS = 1


def telling_people(meter: Meter) -> AbstractContextManager[None]:
    """While the body works, print lines on standard error."""

    def say(line: str) -> None:
        with suppress(OSError):
            tell(f"ocikit: {line}")

    return telling(meter, say)


@contextmanager
def telling_pants(meter: Meter, environ: Mapping[str, str]) -> Iterator[None]:
    """While the body works, write lines into the socket that Pants handed variables over on; it logs them."""
    with pants_log(environ) as say, telling(meter, say):
        yield


@contextmanager
def pants_log(environ: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """What says a line to Pants. No work depends on it: where nobody listens nothing is said."""
    with socket.socket(socket.AF_UNIX) as connection:

        def say(line: str) -> None:
            with suppress(OSError):
                connection.sendall(f"{printable(line)}\n".encode())

        with suppress(OSError):
            connection.settimeout(_SECONDS)
            connection.connect(environ.get(VARIABLE, ""))
            read_all(connection, _SECONDS)
            connection.settimeout(_SECONDS)
        yield say

"""Progress of long work: reported to people on standard error, or to the waiting Pants."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Callable

from ocikit.output import tell
from ocikit.printable import printable
from ocikit.progress import Meter, report_progress
from ocikit.sandbox.environment_socket import VARIABLE, read_all

# The longest wait for a Pants that does not listen.
_SECONDS = 1


def report_progress_to_people(meter: Meter) -> AbstractContextManager[None]:
    """Print progress on standard error while the body runs."""

    def say(line: str) -> None:
        with suppress(OSError):
            tell(f"ocikit: {line}")

    return report_progress(meter, say)


@contextmanager
def report_progress_to_pants(meter: Meter, environ: Mapping[str, str]) -> Iterator[None]:
    """Send progress to the socket of Pants, see `environment_socket`, while the body runs; Pants logs it."""
    with pants_log(environ) as say, report_progress(meter, say):
        yield


@contextmanager
def pants_log(environ: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """Yield a function that sends a line to Pants. Lines are dropped if Pants does not listen."""
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

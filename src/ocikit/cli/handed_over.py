"""Environment variables that Pants hands over on a socket, as `ssh-agent` does keys.

A process's environment is written to logs, to sandboxes that are kept and to caches, and what credential helpers need
is secret. So Pants gives a process only the path of a socket, and whoever may connect to it is told the rest.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from ocikit import canonical_json
from ocikit.errors import InvalidInput

# Holds the path of the socket.
VARIABLE = "OCIKIT_ENVIRONMENT"
_SECONDS = 10


def handed_over(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables behind the socket that `VARIABLE` names; none where it names none.

    Raises InvalidInput where nobody answers there.
    """
    path = environ.get(VARIABLE)
    if not path:
        return {}
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(path)
            with connection.makefile("rb") as answer:
                data = answer.read()
    except OSError as error:
        raise InvalidInput(
            f'the environment variables of [oci].env_vars cannot be read from "{path}": '
            f"{error.strerror or error}. Pants hands them over only while it runs; run it again."
        ) from None
    return canonical_json.loads_object(data, f'what "{path}" says')

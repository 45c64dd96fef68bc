"""The command with which Pants runs a tool: kubectl, docker, or one that people chose.

A tool may read any variable of its environment, including secrets. So it gets the whole environment of Pants itself,
over the socket: none of it is written to a file.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, NoReturn

from ocikit.sandbox import protocol
from ocikit.sandbox.environment_socket import environment_from_socket


def run_tool(request: Mapping[str, Any]) -> NoReturn:
    """Become the tool at `path`, in `folder` below `input/`. Its whole environment comes from the socket."""
    environment = environment_from_socket(os.environ)
    os.chdir(os.path.join(protocol.INPUT, request["folder"]))
    # Programs written in Go trust it.
    environment["PWD"] = os.getcwd()
    # Python ignores SIGPIPE, and the tool would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(request["path"], request["words"], environment)  # noqa: S606 - there is no shell in it


COMMANDS = {protocol.TOOL: run_tool}

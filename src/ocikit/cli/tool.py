"""The command that Pants runs a tool with: kubectl, docker, or one that people chose.

A tool reads from its environment whatever it wants, secrets among it. So it gets all of that which Pants itself was
called with, and gets it on the socket: nothing of it is written down.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, NoReturn

from ocikit.cli.handed_over import handed_over

_INPUT = "input"


def run_tool(request: Mapping[str, Any]) -> NoReturn:
    """Become the tool at `path`, in `folder` below `input/`; what is handed over is its whole environment."""
    environment = handed_over(os.environ)
    os.chdir(os.path.join(_INPUT, request["folder"]))
    # Those written in Go believe it.
    environment["PWD"] = os.getcwd()
    # Python ignores it, and a program that it becomes would, too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(request["path"], request["words"], environment)  # noqa: S606 - there is no shell in it

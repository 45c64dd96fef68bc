"""The command line of ocikit: the output of `--help`, 100 columns wide."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from unittest import mock

from ocikit.cli.main import COMMANDS, main
from reference import markdown


def blocks() -> Iterator[str]:
    for command in COMMANDS:
        yield f"### `python -m ocikit {command.name}`"
        # Each ends with how images are named, which docs/ocikit.md explains once.
        yield markdown.code("text", _help(command.name).partition("\n\nImages are named as")[0])


def _help(command: str) -> str:
    printed = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "100"}), redirect_stdout(printed), suppress(SystemExit):
        main([command, "--help"])
    # Python 3.10 renamed the heading.
    return printed.getvalue().replace("\noptional arguments:", "\noptions:")

"""The commands, and what they share: options, errors, exit codes.

Exit codes: 0 done, 1 failed (one message on standard error), 2 usage error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from ocikit import output
from ocikit.errors import OcikitError
from ocikit.printable import printable
from ocikit.sandbox import dispatch


@dataclass(frozen=True)
class Command:
    """A command for people. `module` has `add_arguments(parser)`, `run(arguments) -> exit code`."""

    name: str
    module: str
    help: str


COMMANDS: tuple[Command, ...] = (
    Command("build", "ocikit.cli.build", "Build an image from directories into an image layout."),
    Command("inspect", "ocikit.cli.inspect", "Show what an image or an index is made of."),
    Command("diff", "ocikit.cli.diff", "Show how an image differs from another."),
    Command("verify", "ocikit.cli.verify", "Read and check everything an image consists of."),
    Command("push", "ocikit.cli.push", "Copy an image from an image layout to a registry."),
    Command("copy", "ocikit.cli.copy", "Copy an image between image layouts and registries."),
    Command("from-dockerfile", "ocikit.cli.from_dockerfile", "Convert a Dockerfile to a BUILD file."),
    Command(
        "convert-targets", "ocikit.cli.convert_targets", "Convert docker_image and the targets of pants-backend-oci."
    ),
)

# Of an error: a value that it quotes may have any length.
_LONGEST_LINE = 4000
_REFERENCES = """
An image is oci:PATH[:TAG], where PATH is an OCI image layout, or a reference to a registry, such as
ghcr.io/acme/web:1.0. Credentials are read from where Docker and Podman read them.
"""


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code. Usage errors raise SystemExit(2), as argparse does."""
    output.use_any_encoding()
    parsed = _parser(arguments).parse_args(arguments)
    try:
        code = int(parsed.run(parsed))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe; otherwise Python would complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except OcikitError as error:
        return _failed(*error.lines)
    except OSError as error:
        where = f'"{error.filename}": ' if error.filename else ""
        return _failed(f"{where}{error.strerror or error}.")
    return code


def _failed(*lines: str) -> int:
    output.tell_from_ocikit(printable(line, _LONGEST_LINE) for line in lines)
    return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message, _LONGEST_LINE))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser, importing only the module of the given command."""
    parser = _Parser("ocikit", description="OCI images without a daemon.", epilog=_REFERENCES)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help, epilog=_REFERENCES)
        if command.name == chosen:
            module = import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    for name in dispatch.NAMES:
        subparser = subparsers.add_parser(name)
        subparser.add_argument("request", metavar="FILE")
        subparser.set_defaults(run=_run_in_sandbox, name=name)
    return parser


def _run_in_sandbox(parsed: argparse.Namespace) -> int:
    return dispatch.run(parsed.name, parsed.request)

"""Pages whose steps are executed exactly as written: their files, their commands, and the output of these.

A fenced block of the language `console` has commands, `$ command`, each followed by its output on both streams. Any
other fenced block is a file, and its first line is a comment with the file's name. In an output, `…` matches what
varies or is left out: inside a line any text, on a line of its own any lines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from support.markdown import fences

_FILE = re.compile(r"(?:#|<!--) (\S+)(?: -->)?")
_OF_DAEMON = re.compile(
    r"[\d:.]+ \[INFO\] (?:waiting for pantsd to start\.\.\.|pantsd started"
    r"|Initializing scheduler\.\.\.|Scheduler initialized\.)"
)
_PROMPT = "$ "
_ANY = "…"


@dataclass(frozen=True)
class File:
    """A file to write; `text` begins with the comment that names it."""

    line: int
    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A shell command and its output."""

    line: int
    text: str
    printed: tuple[str, ...]


Step = Union[File, Command]


def steps(page: str) -> tuple[Step, ...]:
    """The steps of a page, in order; raises ValueError for a block that is neither a file nor commands."""
    found: list[Step] = []
    for fence in fences(page):
        if fence.language == "console":
            found += _commands(fence.line + 1, fence.text.splitlines())
            continue
        named = _FILE.fullmatch(fence.text.partition("\n")[0])
        if not named:
            raise ValueError(f"line {fence.line}: the block begins with no comment that names a file")
        found.append(File(fence.line, named.group(1), fence.text))
    return tuple(found)


def _commands(number: int, lines: list[str]) -> list[Command]:
    found: list[Command] = []
    for line in lines:
        if line.startswith(_PROMPT):
            found.append(Command(number, line[len(_PROMPT) :], ()))
        elif not found:
            raise ValueError(f"line {number}: this is printed by no command")
        elif found[-1].text.endswith("\\"):
            found[-1] = Command(found[-1].line, f"{found[-1].text}\n{line}", ())
        else:
            found[-1] = Command(found[-1].line, found[-1].text, (*found[-1].printed, line))
        number += 1
    return found


def do(step: Step, folder: Path, environment: Mapping[str, str]) -> None:
    """Do a step in a folder; fail if a command fails or its output differs."""
    if isinstance(step, File):
        path = folder / step.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text)
        return
    done = subprocess.run(
        ["sh", "-c", step.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = f"line {step.line}: $ {step.text}\n{done.stdout}"
    assert done.returncode == 0, f"exit code {done.returncode} of {shown}"
    assert is_printed(step.printed, done.stdout), "\n".join(("expected", *step.printed, f"of {shown}"))


def is_printed(expected: tuple[str, ...], printed: str) -> bool:
    """Whether the output of a command matches the page. Empty lines are ignored, and so are lines about Pants's daemon,
    which Pants may restart at any time."""
    pattern = "".join(_pattern(line.rstrip()) for line in expected if line.strip())
    found = (line for line in printed.splitlines() if line.strip() and not _OF_DAEMON.fullmatch(line))
    lines = "".join(f"{line.rstrip()}\n" for line in found)
    return re.fullmatch(pattern, lines) is not None


def _pattern(line: str) -> str:
    if line == _ANY:
        return r"(?:.*\n)*?"
    return ".*?".join(map(re.escape, line.split(_ANY))) + r"\n"

"""Fake commands in place of kubectl, docker and others, which record each call with all of its input."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TOOL = """\
#!{python}
import json, os, sys
from pathlib import Path

own = Path(sys.argv[0])
files = {{str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}}
call = [own.name, sys.argv[1:], files, sys.stdin.read(), dict(os.environ)]
calls = own.parent / "calls"
calls.mkdir(exist_ok=True)
(calls / f"{{len(os.listdir(calls)):03}}").write_text(json.dumps(call))
refusal = own.parent / "refusal"
if refusal.exists():
    sys.exit(refusal.read_text())
"""


@dataclass(frozen=True)
class Call:
    """A call. `files`: the content of the working directory, with subdirectories."""

    tool: str
    arguments: tuple[str, ...]
    files: Mapping[str, str]
    stdin: str
    environment: Mapping[str, str]


class StandInTools:
    """Commands with these `names`, in a folder for the PATH."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._names = tuple(names)
        folder.mkdir()
        for name in self._names:
            (folder / name).write_text(_TOOL.format(python=sys.executable))
            (folder / name).chmod(0o755)

    @property
    def path(self) -> str:
        """The PATH with the fake commands first."""
        return f"{self._folder}{os.pathsep}{os.environ['PATH']}"

    def path_without(self) -> str:
        """This machine's PATH without the commands that these replace."""
        others = self._folder / "others"
        others.mkdir(exist_ok=True)
        for folder in filter(os.path.isdir, reversed(os.environ["PATH"].split(os.pathsep))):
            for name in set(os.listdir(folder)) - set(self._names):
                (others / name).unlink(missing_ok=True)
                (others / name).symlink_to(Path(folder, name))
        return str(others)

    def refuse(self, message: str | None) -> None:
        """Fail with this message from now on; None ends that."""
        refusal = self._folder / "refusal"
        refusal.unlink(missing_ok=True)
        if message:
            refusal.write_text(message)

    def take(self) -> tuple[Call, ...]:
        """Return the calls since the last time."""
        paths = sorted((self._folder / "calls").glob("*"))
        calls = [json.loads(path.read_text()) for path in paths]
        shutil.rmtree(self._folder / "calls", ignore_errors=True)
        return tuple(Call(tool, tuple(arguments), *rest) for tool, arguments, *rest in calls)

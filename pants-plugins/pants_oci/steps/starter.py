"""What starts a program on this machine, kept where no process's key sees it.

Where an interpreter lies and what is on the PATH differs from machine to machine. A process that says so in its
arguments, environment or input is another one on each of them, and what one has built is not found by the next. So the
process starts a link to a script in a folder that Pants keeps for us, and the script says all this.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from pants.engine.fs import SymlinkEntry
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.option.global_options import GlobalOptions

from ocikit import atomic_file
from pants_oci.steps.handed_over import MEMORY_CACHE, MEMORY_DIRECTORY

_FOLDER = "start"


@dataclass(frozen=True)
class Starter:
    """`script` starts on this machine what has the name `key` on all."""

    key: str
    script: str
    folder: str

    def put(self) -> None:
        """Write the script where it is looked for, if it is not there: before every process, as the folder may have
        been emptied since the last one."""
        path = Path(self.folder, self.key)
        if not path.exists() or path.read_text() != self.script:
            atomic_file.write(str(path), self.script.encode(), executable=True)

    def link(self, path: str) -> SymlinkEntry:
        """What a process finds at `path` of its sandbox, which must have `MEMORY_DIRECTORY`."""
        return SymlinkEntry(path, f"{MEMORY_DIRECTORY}/{_FOLDER}/{self.key}")


def starter(key: str, script: str, options: GlobalOptions) -> Starter:
    return Starter(key, script, os.path.join(str(options.named_caches_dir), MEMORY_CACHE, _FOLDER))


def program(path: str) -> str:
    """A script that is the program at `path`."""
    return f'#!/bin/sh\nexec {shlex.quote(path)} "$@"\n'


def is_of_this_machine(environment: ProcessExecutionEnvironment) -> bool:
    """In containers and on workers, paths are those of an image, and Pants keeps no folder of ours."""
    return not environment.remote_execution and environment.docker_image is None

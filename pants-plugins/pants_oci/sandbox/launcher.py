"""Keep the script that starts a program on this machine out of the cache keys of processes.

The path of an interpreter and the PATH differ between machines. A process with them in its arguments, environment or
input has another cache key on each machine, so no machine finds the results of another. Instead, the process starts a
link to a script in a folder that Pants keeps for the plugin, and the script contains the paths.
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
from pants_oci.sandbox.environment_socket import MEMORY_CACHE, MEMORY_DIRECTORY

_FOLDER = "start"


@dataclass(frozen=True)
class Launcher:
    """The script that starts a program on this machine. `key`: the name of the program on all machines."""

    key: str
    script: str
    folder: str

    def put(self) -> None:
        """Write the script unless it exists. Call this before every process: the folder may have been emptied."""
        path = Path(self.folder, self.key)
        if not path.exists() or path.read_text() != self.script:
            atomic_file.write(str(path), self.script.encode(), executable=True)

    def link(self, path: str) -> SymlinkEntry:
        """The link to the script at `path` of a sandbox, which must have `MEMORY_DIRECTORY`."""
        return SymlinkEntry(path, f"{MEMORY_DIRECTORY}/{_FOLDER}/{self.key}")


def launcher(key: str, script: str, options: GlobalOptions) -> Launcher:
    return Launcher(key, script, os.path.join(str(options.named_caches_dir), MEMORY_CACHE, _FOLDER))


def program(path: str) -> str:
    """A script that runs the program at `path`."""
    return f'#!/bin/sh\nexec {shlex.quote(path)} "$@"\n'


def is_of_this_machine(environment: ProcessExecutionEnvironment) -> bool:
    """Whether processes see the paths of this machine and the plugin's folder. Containers and workers do not."""
    return not environment.remote_execution and environment.docker_image is None

"""Where this machine's Pythons are."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path


@functools.cache
def find_interpreter(version: str) -> str | None:
    """The folder of a CPython of this version; None without one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for python in (f"python{version}", *map(str, pyenv.glob(f"{version}.*/bin/python{version}"))):
        command = [python, "-c", "import sys; print(sys.base_exec_prefix + '/bin')"]
        # A pyenv shim may have no version to run, so try each candidate.
        if shutil.which(python):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    return None

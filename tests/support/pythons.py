"""The Pythons of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def folder_of_python(version: str) -> str:
    """The folder of a CPython of this version; without one, the test is skipped with a message."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for python in (f"python{version}", *map(str, pyenv.glob(f"{version}.*/bin/python{version}"))):
        command = [python, "-c", "import sys; print(sys.base_exec_prefix + '/bin')"]
        # A pyenv shim may have no version to run, so try each candidate.
        if shutil.which(python):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    pytest.skip(f"NOT TESTED WITH PYTHON {version}, which is not on this machine.")

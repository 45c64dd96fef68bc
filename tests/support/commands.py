"""Other tools, at Debian's paths; a missing one fails the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Another client may come first on the PATH; this one belongs to the engine that `./test` starts.
DOCKER = "/usr/bin/docker"
SOURCES = Path(__file__).parents[2] / "src"


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a tool and return its standard output; if the tool fails, fail the test with all of its output."""
    if not shutil.which(command[0]):
        pytest.fail(f"{command[0]} is missing; ./test installs all that the tests use.")
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def ocikit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ocikit of this checkout in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "ocikit", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )


def need_engine() -> None:
    """Fail unless a container engine answers."""
    if not shutil.which(DOCKER) or subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode:
        pytest.fail('No container engine answers; ./test installs and starts one. Or: ./test -m "not container".')


def image_from(variable: str) -> str:
    """The name of an image that `./test` builds, or that the user set in the environment."""
    name = os.environ.get(variable)
    if not name:
        pytest.fail(f"{variable} is not set; ./test makes the image and sets it.")
    return name

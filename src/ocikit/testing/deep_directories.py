"""Directories as deep as a path can be."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEVELS = 1_500


@contextmanager
def deep_directories(parent: Path) -> Iterator[None]:
    """Create LEVELS nested directories in `parent` while the body runs."""
    here = os.getcwd()
    os.chdir(parent)
    try:
        for _ in range(LEVELS):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(parent)
        yield
    finally:
        os.chdir(here)
        # pytest cannot remove directories of this depth.
        subprocess.run(["rm", "-rf", str(parent / "d")], check=True)

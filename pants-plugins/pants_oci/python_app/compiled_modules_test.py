from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pants_oci.python_app.compiled_modules import COMPILE_ENVIRONMENT, compile_arguments, compiled_path

COLOURS = 'def f(x):\n    return x in {"red", "green", "blue", "black", "white", "grey"}\n'


def compiled(folder: Path) -> bytes:
    (folder / "input/src").mkdir(parents=True)
    (folder / "input/src/colours.py").write_text(COLOURS)
    (folder / "input/src/other.py").write_text("no python\n")
    command = [sys.executable, *compile_arguments("/app", ["src"])]
    subprocess.run(command, cwd=folder, env={**os.environ, **COMPILE_ENVIRONMENT}, check=True, capture_output=True)
    (found,) = folder.rglob("*.pyc")
    version = ".".join(map(str, sys.version_info[:2]))
    assert found == folder / "input" / compiled_path("src/colours.py", version)
    return found.read_bytes()


def test_modules_compile_to_the_same_bytes_and_invalid_ones_are_skipped(tmp_path: Path) -> None:
    found = {compiled(tmp_path / str(number)) for number in range(4)}
    assert len(found) == 1
    assert b"/app/src/colours.py" in found.pop()

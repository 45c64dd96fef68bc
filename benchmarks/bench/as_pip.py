"""Compare what images have of real wheels with what pip installs; see `support/pip_judge.py` for what is explained."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.interpreters import find_interpreter
from support.pip_judge import differences, installed_by_ocikit, installed_by_pip

HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/as_pip", description=__doc__.partition(";")[0])
    parser.add_argument("--python", default="3.11", help="the version of Python (%(default)s)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, instead of those of wheels.txt")
    arguments = parser.parse_args()
    folder = find_interpreter(arguments.python)
    if folder is None:
        parser.error(f"there is no Python {arguments.python} on this machine")
    python = f"{folder}/python{arguments.python}"
    with tempfile.TemporaryDirectory(prefix="as-pip-") as temporary:
        found = arguments.wheels or _download(Path(temporary, "wheels"), python)
        wheels = sorted(found.glob("*.whl"))
        differing = 0
        for number, wheel in enumerate(wheels):
            lines = list(_compared(wheel, Path(temporary, str(number)), arguments.python, python))
            differing += bool(lines)
            print(f"{wheel.name}: {'the same' if not lines else 'DIFFERENT'}", *lines, sep="\n    ")
    print(f"{len(wheels)} wheels, {differing} differ")
    return int(differing > 0 or not wheels)


def _download(folder: Path, python: str) -> Path:
    names = (HERE / "wheels.txt").read_text().splitlines()
    pinned = [name for name in names if not name.startswith("#")]
    options = ["--quiet", "--no-deps", "--only-binary=:all:", f"--dest={folder}"]
    subprocess.run([python, "-m", "pip", "download", *options, *pinned], check=True)
    return folder


def _compared(wheel: Path, folder: Path, version: str, python: str) -> Iterator[str]:
    by_pip = installed_by_pip(wheel, folder / "pip", python, [python, "-m", "pip"])
    (ours,) = installed_by_ocikit(wheel, folder / "ours", version)
    yield from differences(by_pip, ours)

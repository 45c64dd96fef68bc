"""What pip installs from a wheel, what ocikit installs from it, and the differences that are not explained.

Explained are:

* `INSTALLER`, `REQUESTED` and `direct_url.json`: they are about the installer, or name a path of the build.
* Compiled modules, which `pex_compile` adds to images.
* The first line of scripts, and how a script calls its entry point, as long as it imports and calls the same.
* `bin/pip3.11` and the like: pip gives its own wheel scripts that the wheel does not name.
* RECORD's rows of all these files, and the row that pip keeps of a script that an entry point replaced.
"""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocikit.python_app.site import Site
from support.commands import SOURCES

_OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "direct_url.json")
_METADATA = re.compile(r"(lib/python[^/]+/site-packages/)?[^/]+\.dist-info")
_OWN_OF_PIP = re.compile(r"\bbin/pip[0-9]+\.[0-9]+$")
_IMPORT = re.compile(rb"^from (\S+) import (\S+)$", re.MULTILINE)
_CALL = re.compile(rb"sys\.exit\((.+)\(\)\)")


@dataclass(frozen=True)
class File:
    content: bytes
    executable: bool


Tree = Mapping[str, File]


def installed_by_pip(wheel: Path, folder: Path, python: str, pip: Sequence[str]) -> Tree:
    """The files that `pip install` adds to a new virtual environment of `python`, by path below `sys.prefix`."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    before = set(_files(folder))
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "--python", folder / "bin/python", "install", *options, wheel], check=True)
    return {path: file for path, file in _files(folder).items() if path not in before}


def installed_by_ocikit(given: Path, folder: Path, version: str) -> Sequence[Tree]:
    """The files of each distribution in `given`, a wheel or a PEX, by path below the application's root."""
    (folder / "input").mkdir(parents=True)
    (folder / "input/given").symlink_to(given)
    site = Site(f"lib/python{version}/site-packages", version, "/app/bin/python")
    request = {"path": "given", "site": site.to_json()}
    program = f"from ocikit.sandbox.distributions import run_distributions; run_distributions({request!r})"
    subprocess.run([sys.executable, "-c", program], cwd=folder, env={"PYTHONPATH": SOURCES}, check=True)
    return [_files(path) for path in sorted((folder / "distributions").iterdir(), key=lambda path: int(path.name))]


def differences(by_pip: Tree, ours: Tree) -> Iterator[str]:
    """A line for each difference that is not explained."""
    expected = {path: file for path, file in by_pip.items() if not _is_explained(path)}
    yield from (f"only pip installs {path}" for path in sorted(expected.keys() - ours.keys()))
    yield from (f"only ocikit installs {path}" for path in sorted(ours.keys() - expected.keys()))
    for path in sorted(expected.keys() & ours.keys()):
        theirs, own = expected[path], ours[path]
        if theirs.executable != own.executable:
            yield f"{path} is executable: {theirs.executable} by pip, {own.executable} by ocikit"
        if path.endswith(".dist-info/RECORD") and path.count("/") == 4:
            yield from _rows_that_differ(theirs.content, own.content)
        elif not _equal(path, theirs.content, own.content):
            yield f"{path} has other content"


def _files(folder: Path) -> dict[str, File]:
    return {
        str(path.relative_to(folder)): File(path.read_bytes(), bool(path.stat().st_mode & 0o111))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def _is_explained(path: str) -> bool:
    """Whether a path below `sys.prefix`, or in RECORD, is of a file that is explained."""
    folder, _, name = path.rpartition("/")
    return (
        (bool(_METADATA.fullmatch(folder)) and name in _OF_THE_INSTALLER)
        or bool(_OWN_OF_PIP.search(path))
        or ".data/scripts/" in path
        or (name.endswith(".pyc") and folder.endswith("__pycache__"))
    )


def _equal(path: str, theirs: bytes, own: bytes) -> bool:
    if theirs == own:
        return True
    if not path.startswith("bin/"):
        return False
    by_pip, by_us = (
        (_IMPORT.findall(text), _CALL.findall(text)) if _CALL.search(text) else text.partition(b"\n")[2]
        for text in (theirs, own)
    )
    return by_pip == by_us


def _rows_that_differ(theirs: bytes, own: bytes) -> Iterator[str]:
    by_pip, by_us = (
        {
            tuple(row)
            for row in csv.reader(io.StringIO(text.decode()))
            if not _is_explained(row[0]) and not row[0].startswith("../../../bin/")
        }
        for text in (theirs, own)
    )
    yield from (f"only pip's RECORD has {','.join(row)}" for row in sorted(by_pip - by_us))
    yield from (f"only our RECORD has {','.join(row)}" for row in sorted(by_us - by_pip))

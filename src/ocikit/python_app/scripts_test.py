from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ocikit.python_app.application import site_of
from ocikit.python_app.interpreter import Interpreter
from ocikit.python_app.scripts import (
    console_scripts,
    entry_point_script,
    installed_script,
    is_python,
    restored,
    shebang,
)
from ocikit.python_app.site import Site

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
KNOWN = Site("lib/python3.11/site-packages", "3.11", "/app/bin/python")


@pytest.mark.parametrize(
    "text, found",
    [
        pytest.param("[console_scripts]\nrun = a.cli:main [fast]\n", {"run": "a.cli:main"}, id="extra"),
        pytest.param("[gui_scripts]\nWin = a:Win.go\n[other]\nno = a:no\n", {"Win": "a:Win.go"}, id="groups"),
        pytest.param("[console_scripts]\nplain = a\nempty = a:\n", {}, id="no-function"),
        pytest.param("[console_scripts]\nrun = a : b\n", {"run": "a:b"}, id="spaces"),
        pytest.param("[console_scripts]\nrun = a:b\n  import os\nx = a:b(1)\ny = a:b; c\n", {}, id="code"),
        pytest.param("[console_scripts]\na%(b)s:c = d:e\n", {"a%(b)s:c": "d:e"}, id="characters"),
        pytest.param("not an ini file", {}, id="not-ini"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_console_scripts(text: str, found: dict[str, str]) -> None:
    assert console_scripts(text.encode()) == found


def test_an_entry_point() -> None:
    assert entry_point_script("a.b:C.run", KNOWN).decode() == (
        '#!/app/bin/python\nimport sys\n\nfrom a.b import C\n\nif __name__ == "__main__":\n    sys.exit(C.run())\n'
    )


@pytest.mark.parametrize(
    "content, written",
    [
        pytest.param(b"#!python -E\nx\n", b"#!/app/bin/python\nx\n", id="placeholder"),
        pytest.param(b"#!pythonw\nx\n", b"#!/app/bin/python\nx\n", id="placeholder-of-a-window"),
        pytest.param(b"#!python", b"#!/app/bin/python\n", id="nothing-else"),
        pytest.param(b"#!/usr/bin/env python\nx\n", b"#!/usr/bin/env python\nx\n", id="own-interpreter"),
        pytest.param(b"#!/bin/sh\nx\n", b"#!/bin/sh\nx\n", id="shell"),
        pytest.param(b"\x7fELF#!python", b"\x7fELF#!python", id="binary"),
    ],
)
def test_another_script(content: bytes, written: bytes) -> None:
    assert installed_script("run", content, KNOWN) == {"bin/run": written}


@pytest.mark.parametrize(
    "content, found",
    [(b"#!python\n", True), (b"#!/usr/bin/env python3\n", True), (b"#!/bin/sh\npython", False), (b"", False)],
)
def test_python_scripts(content: bytes, found: bool) -> None:
    assert is_python(content) == found


@pytest.mark.parametrize(
    "content, found",
    [
        (b"#!/root/.pex/venvs/0f/1a/bin/python\nx\n", b"#!python\nx\n"),
        (b"#!/opt/py/bin/python3.12", b"#!python"),
        *(
            (text, text)
            for text in (b"#!/usr/bin/python3\nx\n", b"#!/usr/bin/env python\n", b"#!python\n", b"#!/a/perl\n", b"")
        ),
    ],
)
def test_a_script_as_it_was_in_its_wheel(content: bytes, found: bytes) -> None:
    assert restored(content) == found


def site_in(folder: Path, known: bool) -> Site:
    """The site of an application in `folder`, with a package that has a script, and first-party code."""
    site = site_of(str(folder), Interpreter(VERSION, "x" if known else None))
    packages = folder / site.packages
    packages.mkdir(parents=True)
    (packages / "tool.py").write_text("import sys\n\ndef main():\n    print('tool', sys.argv[1:])\n    return 3\n")
    (packages / "_own.pth").write_text(f"{folder}/src\n")
    return site


@pytest.mark.parametrize("kind", ["entry-point", "script"])
@pytest.mark.parametrize("folder", ["plain", "with a space", "long" * 50])
@pytest.mark.parametrize("known", [True, False], ids=["known", "python3"])
def test_scripts_run(kind: str, folder: str, known: bool, tmp_path: Path) -> None:
    """Also where the image's interpreter is not known: a script finds the packages itself."""
    root = tmp_path / folder
    site = site_in(root, known)
    (root / "bin").mkdir()
    if known:
        # A virtual environment, as an application is one.
        (root / "bin/python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
        home = Path(sys._base_executable).parent  # type: ignore[attr-defined]
        (root / "pyvenv.cfg").write_text(f"home = {home}\n")
    files = {"bin/run": entry_point_script("tool:main", site)}
    if kind == "script":
        files = dict(installed_script("run", b"#!python\nimport sys, tool\nsys.exit(tool.main())\n", site))
    for path, content in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(content)
        (root / path).chmod(0o755)
    command = [str(root / "bin/run"), "a b"] if known else [sys.executable, str(root / "bin/run"), "a b"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert (done.stderr, done.stdout, done.returncode) == ("", "tool ['a b']\n", 3)


def test_another_python_than_that_of_the_script(tmp_path: Path) -> None:
    site = site_of(str(tmp_path), Interpreter("3.99"))
    assert shebang(site) == b"#!/usr/bin/env python3\n"
    (tmp_path / "run").write_bytes(entry_point_script("tool:main", site))
    done = subprocess.run([sys.executable, tmp_path / "run"], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("This application is built for Python 3.99, but python3 is ")

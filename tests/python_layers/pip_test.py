"""pip is the judge of where the files of a wheel go, whether from the wheel or from what Pex makes of it.

`benchmarks/as_pip` does the same with 80 wheels of the package index.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from python_layers.shapes import WHEELS
from support.pip_judge import differences, installed_by_ocikit, installed_by_pip
from support.wheels import wheel

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = str(Path(sys.base_prefix, f"bin/python{VERSION}"))
ODD = wheel(
    "ocitest_odd",
    "1.0",
    {
        "lib/__init__.py": "",
        "man/__init__.py": "",
        "bin/not_a_script.py": "",
        "share": "a file",
        "ocitest_odd-1.0.data/purelib/pure.py": "",
        "ocitest_odd-1.0.data/platlib/plat.py": "",
        "ocitest_odd-1.0.data/data/top.txt": "",
        "ocitest_odd-1.0.data/data/opt/odd/x": "",
        "ocitest_odd-1.0.data/data/bin/data-in-bin": "#!/bin/sh\n",
        "ocitest_odd-1.0.data/data/lib/odd.conf": "",
        "ocitest_odd-1.0.data/headers/odd.h": "",
        "ocitest_odd-1.0.data/headers/deep/er.h": "",
        "ocitest_odd-1.0.data/scripts/sh-script": "#!/bin/sh\n",
        "ocitest_odd-1.0.data/scripts/env-script": "#!/usr/bin/env python3\n",
        "ocitest_odd-1.0.data/scripts/gui-script": "#!pythonw -x\nprint()\n",
        "ocitest_odd-1.0.data/scripts/both": "#!python\n",
    },
    entry_points="[console_scripts]\nboth = lib:main\nmethod = lib:A.b\n[gui_scripts]\nwin = man:win\n",
)
JUDGED = {name: data for name, data in {**WHEELS, **ODD}.items() if "native" not in name}


@pytest.mark.parametrize("name", JUDGED)
@pytest.mark.parametrize("through_pex", [False, True], ids=["wheel", "pex"])
def test_files_are_where_pip_puts_them(name: str, through_pex: bool, tmp_path: Path) -> None:
    given = tmp_path / name
    given.write_bytes(JUDGED[name])
    by_pip = installed_by_pip(given, tmp_path / "pip", PYTHON, [sys.executable, "-m", "pip"])
    if through_pex:
        given = _packed(given, tmp_path)
    (ours,) = installed_by_ocikit(given, tmp_path / "ours", VERSION)
    assert list(differences(by_pip, ours)) == []


def _packed(wheel: Path, folder: Path) -> Path:
    packed = folder / "packed"
    options = ["--no-pypi", "--intransitive", "--layout=packed", f"--python={PYTHON}", f"--output-file={packed}"]
    subprocess.run([sys.executable, "-m", "pex", str(wheel), *options], check=True)
    return packed

"""The same distributions from a wheel, and from all forms in which Pex keeps one."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import pytest

from ocikit.errors import InvalidContent
from ocikit.python_app.site import Site
from ocikit.sandbox.distributions import run_distributions

SITE = Site("lib/python3.11/site-packages", "3.11", "/app/bin/python")
Files = Mapping[str, bytes]
COMMON = {
    "pkg/__init__.py": b"",
    "pkg/run.sh": b"#!/bin/sh\n",
    "a-1.0.dist-info/METADATA": b"Name: a\n",
    "a-1.0.dist-info/entry_points.txt": b"[console_scripts]\nrun = pkg:main\nold = pkg:new\n",
}
OWN = {"scripts/old": b"#!python\nx\n", "scripts/tool": b"\x7fELF", "scripts/raw": b"#!python\ny\n", "data/opt/x": b"x"}
LAYOUT = {"record_relpath": "a-1.0.dist-info/RECORD", "stash_dir": ".prefix"}
# By the version of Pex; a wheel's own RECORD is that of the wheel.
WHEEL: Files = {**COMMON, **{f"a-1.0.data/{path}": data for path, data in OWN.items()}, "a-1.0.dist-info/RECORD": b"?"}
OLD: Files = {
    **COMMON,
    ".layout.json": json.dumps(LAYOUT).encode(),
    **{f".prefix/{path.replace('scripts/', 'bin/').replace('data/', '')}": data for path, data in OWN.items()},
    ".prefix/bin/run": b"#!python\nimport pip's\n",
    ".prefix/bin/raw": b"#!/home/me/.pex/venvs/0f/1a/bin/python3.9\ny\n",
    "a-1.0.dist-info/INSTALLER": b"pex",
}
NEW: Files = {
    **COMMON,
    ".layout.json": json.dumps({**LAYOUT, "sys_path_entries": ["."]}).encode(),
    **{f".prefix/{path.replace('scripts/', 'bin/')}": data for path, data in OWN.items()},
    "a-1.0.dist-info/RECORD": b"?",
    "a-1.0.pex-info/original-whl-info.json": b"{}",
}


def zipped(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = (0o100755 if path.endswith(".sh") or "/bin/" in path else 0o100644) << 16
            archive.writestr(info, data)
        archive.writestr(zipfile.ZipInfo("empty/"), b"")
    return stream.getvalue()


def pex(files: Files) -> bytes:
    return zipped({"PEX-INFO": b"{}", **{f".deps/a-1.0-py3-none-any.whl/{path}": data for path, data in files.items()}})


def packed(files: Files, path: Path) -> None:
    (path / ".deps").mkdir(parents=True)
    (path / ".deps/a-1.0-py3-none-any.whl").write_bytes(zipped(files))


FORMS: dict[str, Callable[[Path], object]] = {
    "wheel": lambda path: path.write_bytes(zipped(WHEEL)),
    "old": lambda path: path.write_bytes(zipped(OLD)),
    "new": lambda path: path.write_bytes(zipped(NEW)),
    "pex": lambda path: path.write_bytes(pex(OLD)),
    "packed": lambda path: packed(NEW, path),
}
EXPECTED = {
    "bin/old": b"#!/app/bin/python\nimport sys\n\nfrom pkg import new\n",
    "bin/raw": b"#!/app/bin/python\ny\n",
    "bin/run": b"#!/app/bin/python\nimport sys\n\nfrom pkg import main\n",
    "bin/tool": b"\x7fELF",
    "lib/python3.11/site-packages/a-1.0.dist-info/METADATA": b"Name: a\n",
    "lib/python3.11/site-packages/a-1.0.dist-info/RECORD": b"../../../bin/old,sha256=",
    "lib/python3.11/site-packages/a-1.0.dist-info/entry_points.txt": b"[console_scripts]",
    "lib/python3.11/site-packages/pkg/__init__.py": b"",
    "lib/python3.11/site-packages/pkg/run.sh": b"#!/bin/sh\n",
    "opt/x": b"x",
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    FORMS[form](tmp_path / "input/given")
    run_distributions({"path": "given", "site": SITE.to_json()})
    described = {"name": "a", "programs": ["tool"], "scripts": {"old": "pkg:new", "run": "pkg:main"}, "version": "1.0"}
    assert json.loads(Path("distributions.json").read_text()) == {"distributions": [described]}
    folder = tmp_path / "distributions/0"
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    assert list(found) == list(EXPECTED)
    assert all(found[path].read_bytes().startswith(start) for path, start in EXPECTED.items())
    executable = {path for path, file in found.items() if os.access(file, os.X_OK) and file.stat().st_mode & 0o111}
    assert executable == {"bin/old", "bin/raw", "bin/run", "bin/tool", "lib/python3.11/site-packages/pkg/run.sh"}
    assert {file.stat().st_mode & 0o777 for file in found.values()} == {0o644, 0o755}
    record = found["lib/python3.11/site-packages/a-1.0.dist-info/RECORD"].read_text().splitlines()
    assert [row.partition(",")[0] for row in record] == sorted(
        path.replace("lib/python3.11/site-packages/", "") if path.startswith("lib/") else f"../../../{path}"
        for path in EXPECTED
    )
    assert "a-1.0.dist-info/RECORD,," in record


def test_what_is_not_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    Path("input/x.whl").write_bytes(b"?")
    with pytest.raises(InvalidContent, match=r"^x\.whl is not a wheel: "):
        run_distributions({"path": "x.whl", "site": SITE.to_json()})


@pytest.mark.parametrize(
    "files, problem",
    [
        pytest.param(
            {"a-1.0.dist-info/entry_points.txt": b"[console_scripts]\n../x = a:b\n"}, 'has a script "../x"', id="script"
        ),
        pytest.param({"../x.py": b""}, 'has a file "../x.py"', id="file"),
        pytest.param({".layout.json": b"["}, r"\.layout\.json of a\.whl", id="layout"),
    ],
)
def test_hostile_wheels(files: Files, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    Path("input/a.whl").write_bytes(zipped({**COMMON, **files}))
    with pytest.raises(InvalidContent, match=problem):
        run_distributions({"path": "a.whl", "site": SITE.to_json()})

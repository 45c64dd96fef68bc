"""The wheel contains the library and the backend, has no dependencies, and is reproducible."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

from support.build_root import PROJECT
from support.commands import run
from support.wheel import project_wheel

SOURCES = (PROJECT / "pants-plugins/pants_oci", PROJECT / "src/ocikit")


def test_the_wheel_has_the_code_and_no_tests() -> None:
    with zipfile.ZipFile(project_wheel()) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    code = {
        str(path.relative_to(source.parent))
        for source in SOURCES
        for path in source.rglob("*.py")
        if not path.name.endswith("_test.py")
    }
    data = {"ocikit/py.typed", "pants_oci/ocikit.lock", "pants_oci/ocikit.lock.metadata", "pants_oci/py.typed"}
    assert names == code | data


def test_the_wheel_is_for_python_3_9_and_later_and_has_no_dependencies() -> None:
    path = project_wheel()
    assert path.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(path) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = BytesParser().parsebytes(wheel.read(name))
    assert metadata["Name"] == "pants-oci"
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata.get_all("Requires-Dist") is None


def test_the_same_bytes_from_pip_in_another_place(tmp_path: Path) -> None:
    """Another umask and other times; tests and other files are next to the sources."""
    checkout = tmp_path / "a/longer/place"
    checkout.mkdir(parents=True)
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=PROJECT).splitlines()
    mask = os.umask(0o077)
    try:
        for name in files:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_bytes((PROJECT / name).read_bytes())
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", f"--wheel-dir={tmp_path}", str(checkout)]
        subprocess.run(command, check=True)
    finally:
        os.umask(mask)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == project_wheel().read_bytes()

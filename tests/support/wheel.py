"""The wheel of this project, built by `./pants package //:wheel`."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.build_root import PROJECT, clean_environment


@functools.cache
def project_wheel() -> Path:
    """The wheel of this checkout, alone in a folder; the first call of a test session builds it."""
    return build_wheel(PROJECT, Path(_session_folder()))


def installed(index: str, *backends: str) -> tuple[str, str]:
    """The `settings` and `plugin` of a `BuildRoot` that installs the wheel from an index."""
    version = project_wheel().name.split("-")[1]
    plugin = f'plugins = ["pants-oci=={version}"]\nbackend_packages = {json.dumps([*backends, "pants_oci"])}'
    return f'\n[python-repos]\nindexes.add = ["{index}"]\n', plugin


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the wheel of a checkout with its own launcher, and put it into `folder`."""
    # Pants writes only below the build root. No other call writes to this folder, and no daemon stays.
    with tempfile.TemporaryDirectory(dir=_made(checkout / "dist")) as dist:
        command = [str(checkout / "pants"), "--no-pantsd", f"--pants-distdir={dist}", "package", "//:wheel"]
        done = subprocess.run(
            command, cwd=checkout, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        (wheel,) = Path(dist).glob("*.whl")
        return Path(shutil.move(wheel, folder / wheel.name))


def _session_folder() -> str:
    folder = tempfile.mkdtemp(prefix="pants-oci-wheel-")
    atexit.register(shutil.rmtree, folder)
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder

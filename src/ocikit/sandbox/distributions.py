"""The command with which Pants installs the distributions of a PEX, each into a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ocikit.errors import InvalidContent
from ocikit.python_app import installed_wheel, scripts
from ocikit.python_app.site import Site
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json

# The folder of distributions in a PEX.
_DEPENDENCIES = ".deps"
# Larger files in `bin` are binaries. In bytes.
_LARGEST_SCRIPT = 64 * 1024


def run_distributions(request: Mapping[str, Any]) -> int:
    """Install the distributions of the PEX or wheel `path` in `input/` into `distributions/0`, `distributions/1`, ….

    `distributions.json` describes them in this order.
    """
    site = Site.from_json(request["site"])
    os.makedirs(protocol.DISTRIBUTIONS_FOLDER, exist_ok=True)
    found = [
        _install(archive, folder, file_name, Path(protocol.DISTRIBUTIONS_FOLDER, str(number)), site)
        for number, (archive, folder, file_name) in enumerate(_wheels(Path(protocol.INPUT, request["path"])))
    ]
    Path(protocol.DISTRIBUTIONS_FILE).write_bytes(canonical_json.dumps({"distributions": found}))
    return 0


def _wheels(path: Path) -> Iterator[tuple[zipfile.ZipFile, str, str]]:
    """The archive of each wheel, its folder in there, and its file name. A PEX is a folder with archives, or one."""
    if path.is_dir():
        for wheel in sorted((path / _DEPENDENCIES).iterdir()):
            yield from _wheels(wheel)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidContent(f"{path.name} is not a wheel: {error}.") from None
    with archive:
        inside = sorted({n.split("/")[1] for n in archive.namelist() if n.startswith(f"{_DEPENDENCIES}/")} - {""})
        for name in inside:
            yield archive, f"{_DEPENDENCIES}/{name}/", name
        if not inside and "PEX-INFO" not in archive.NameToInfo:
            yield archive, "", path.name


def _install(archive: zipfile.ZipFile, folder: str, file_name: str, target: Path, site: Site) -> Mapping[str, Any]:
    files = {
        info.filename[len(folder) :]: info
        for info in archive.infolist()
        if info.filename.startswith(folder) and not info.is_dir()
    }
    kept = files.get(installed_wheel.LAYOUT)
    layout = (
        canonical_json.loads_object(archive.read(kept), f"{installed_wheel.LAYOUT} of {file_name}") if kept else None
    )
    wheel = installed_wheel.identify(files, file_name, layout)
    entry_points = files.get(f"{wheel.metadata}/entry_points.txt")
    commands = scripts.console_scripts(archive.read(entry_points)) if entry_points else {}
    out = _Output(target)
    programs = []
    for name, script in commands.items():
        if "/" in name:
            raise InvalidContent(f'{wheel.name} {wheel.version} has a script "{name}"; expected a name without "/".')
        out.write(f"bin/{name}", io.BytesIO(scripts.entry_point_script(script, site)), executable=True)
    for path in sorted(files):
        info, place = files[path], wheel.place(path, site)
        if place is None or place in out.rows:
            continue
        # pip makes scripts executable, and Pex up to 2.60 installs with pip.
        is_script = wheel.is_script(path) and (wheel.schemes or _is_executable(info))
        if is_script and info.file_size <= _LARGEST_SCRIPT:
            content = archive.read(info) if wheel.schemes else scripts.restored(archive.read(info))
            name = place.partition("/")[2]
            if not scripts.is_python(content):
                programs.append(name)
            for own_place, text in scripts.installed_script(name, content, site).items():
                out.write(own_place, io.BytesIO(text), executable=True)
            continue
        if is_script:
            programs.append(place.partition("/")[2])
        with archive.open(info) as stream:
            out.write(place, stream, is_script or _is_executable(info))
    record = io.BytesIO(wheel.record(out.rows, site).encode())
    out.write(f"{site.packages}/{wheel.metadata}/RECORD", record, executable=False)
    return {"name": wheel.name, "version": wheel.version, "scripts": commands, "programs": programs}


def _is_executable(info: zipfile.ZipInfo) -> bool:
    """As pip decides it: a link in a wheel becomes a file with its target, which is not executable."""
    mode = info.external_attr >> 16
    return stat.S_ISREG(mode) and bool(mode & 0o111)


class _Output:
    """Files below a folder. `rows`: the SHA-256 in the form of RECORD, and the size, by path."""

    def __init__(self, folder: Path) -> None:
        self.rows: dict[str, tuple[str, int]] = {}
        self._folder = folder

    def write(self, path: str, stream: IO[bytes], executable: bool) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as output:
            while block := stream.read(1024 * 1024):
                digest.update(block)
                size += output.write(block)
        target.chmod(0o755 if executable else 0o644)
        self.rows[path] = (base64.urlsafe_b64encode(digest.digest()).decode().rstrip("="), size)


COMMANDS = {protocol.DISTRIBUTIONS: run_distributions}

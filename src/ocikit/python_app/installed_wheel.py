"""Where the files of a wheel belong below an application's root, as pip places them below `sys.prefix`.

A PEX contains each wheel as Pex installed it: one scheme at the top, the others below `.prefix`, and a file
`.layout.json`. Source: `pex/pep_427.py`, `InstallPaths.chroot`. A wheel that is not installed yet has `NAME.data`
instead. Spec: PyPA's binary distribution format.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.errors import InvalidContent
from ocikit.python_app.site import Site

LAYOUT = ".layout.json"
_METADATA = re.compile(r"(?P<name>[^/]+)-(?P<version>[^-/]+)\.dist-info")
_HEADERS = re.compile(r"include/site/python[^/]+/[^/]+/(.+)")
# The installer and the origin: not part of the distribution, and the origin may be a path of the build.
_LEFT_OUT = frozenset(("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "RECORD.jws", "RECORD.p7s"))


@dataclass(frozen=True)
class InstalledWheel:
    """A wheel by its name and version, as they are in its file names.

    `stash`: the folder of other schemes than that at the top. `schemes`: whether it has a folder for each of them, as
    since Pex 2.60.
    """

    name: str
    version: str
    stash: str
    schemes: bool

    @property
    def metadata(self) -> str:
        return f"{self.name}-{self.version}.dist-info"

    def place(self, path: str, site: Site) -> str | None:
        """The path below the root at which pip installs the file; None if it is left out. Raises InvalidContent."""
        if path.startswith("/") or {"", ".", ".."} & set(path.split("/")):
            raise InvalidContent(f'{self.name} {self.version} has a file "{path}"; expected a path below its folder.')
        top, _, rest = path.partition("/")
        if top == self.stash:
            return self._place_of_scheme(rest, site)
        if top == LAYOUT or top.endswith(".pex-info") or _is_left_out(path):
            return None
        return f"{site.packages}/{path}"

    def is_script(self, path: str) -> bool:
        """Whether the file is one of the wheel's scripts; up to Pex 2.60, data in `bin` looks like one."""
        scheme = "scripts" if self.stash.endswith(".data") else "bin"
        return path.startswith(f"{self.stash}/{scheme}/")

    def record(self, rows: Mapping[str, tuple[str, int]], site: Site) -> str:
        """Write RECORD. `rows`: the SHA-256 in URL-safe base64 and the size, by path below the root.

        Spec: PyPA's recording installed projects, "The RECORD file".
        """
        listed = [
            (posixpath.relpath(path, site.packages), f"sha256={sha256}", str(size))
            for path, (sha256, size) in rows.items()
        ]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(sorted([*listed, (f"{self.metadata}/RECORD", "", "")]))
        return text.getvalue()

    def _place_of_scheme(self, path: str, site: Site) -> str | None:
        scheme, _, rest = path.partition("/")
        if self.schemes and scheme in ("purelib", "platlib"):
            return None if _is_left_out(rest) else f"{site.packages}/{rest}"
        if self.schemes and scheme == "data":
            return rest
        if scheme == "scripts" and self.stash.endswith(".data"):
            return f"bin/{rest}"
        own_headers = scheme == "headers" and self.stash.endswith(".data")
        found = None if own_headers else _HEADERS.fullmatch(path)
        if own_headers or found:
            # Pex names the Python that runs it, or none. pip writes the distribution's name with hyphens.
            name = self.name.replace("_", "-")
            return f"include/site/python{site.version}/{name}/{found[1] if found else rest}"
        return path


def identify(names: Iterable[str], file_name: str, layout: Mapping[str, Any] | None) -> InstalledWheel:
    """Tell which wheel has these files. `layout`: its `.layout.json`, if it has one. Raises InvalidContent."""
    folders = {name.partition("/")[0] for name in names}
    found = {folder: match for folder in folders if (match := _METADATA.fullmatch(folder))}
    if layout is not None and len(found) > 1:
        own = str(layout.get("record_relpath")).partition("/")[0]
        found = {folder: match for folder, match in found.items() if folder == own}
    if len(found) != 1:
        raise InvalidContent(f'expected one "*.dist-info" folder in {file_name}, got {len(found)}.')
    (metadata,) = found.values()
    if layout is None:
        return InstalledWheel(metadata["name"], metadata["version"], f"{metadata[0][: -len('.dist-info')]}.data", True)
    return InstalledWheel(
        metadata["name"], metadata["version"], str(layout.get("stash_dir")), "sys_path_entries" in layout
    )


def _is_left_out(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info") and "/" not in folder and name in _LEFT_OUT:
        return True
    # They contain paths of the machine that compiled them, and only some versions of Pex keep them.
    return name.endswith(".pyc") and f"/{folder}".endswith("/__pycache__")

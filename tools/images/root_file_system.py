"""A root file system of this machine's files: a test image without a download."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path


class RootFileSystem:
    """Writes files to a tar. Paths in it have no leading slash; each is written only once."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._written: set[str] = set()

    def folder(self, name: str, mode: int = 0o755) -> None:
        info = tarfile.TarInfo(name)
        info.type = tarfile.DIRTYPE
        self._add(info, mode)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self._add(info, mode, content)

    def link(self, name: str, target: str) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._add(info, 0o777)

    def copy(self, path: str, name: str | None = None, mode: int = 0o644) -> None:
        """Add a file of this machine, at the same path unless `name` is given. Links are followed."""
        self.file(name or path.lstrip("/"), Path(path).read_bytes(), mode)

    def program(self, path: str, name: str | None = None) -> None:
        """Add an executable and the shared libraries that it loads."""
        self.copy(path, name, mode=0o755)
        self.libraries_of(path)

    def libraries_of(self, path: str) -> None:
        # A static executable has none, and ldd then fails.
        listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listing):
            self.copy(library, mode=0o755)

    def _add(self, info: tarfile.TarInfo, mode: int, content: bytes = b"") -> None:
        if info.name in self._written:
            return
        self._written.add(info.name)
        for parent in [str(folder) for folder in reversed(Path(info.name).parents)][1:]:
            self.folder(parent)
        info.mode = mode
        self._tar.addfile(info, io.BytesIO(content))

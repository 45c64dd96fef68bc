"""Stub files of a release from the table: a type checker uses them in place of Pants."""

from __future__ import annotations

from pathlib import Path

from pants_versions.table import ReleaseTable


def write(release: ReleaseTable, folder: Path) -> None:
    """Write packages below `folder`, for use as `mypy_path`."""
    for module, symbols in release.symbols.items():
        place = _package(folder, module)
        for name, symbol in symbols.items():
            if symbol.kind == "module":
                _package(folder, f"{module}.{name}")
        # Imports first; in a stub the order of the rest does not matter.
        stubs = sorted((symbol.kind != "import", symbol.stub) for symbol in symbols.values() if symbol.stub)
        (place / "__init__.pyi").write_text("\n".join(["import typing", *(stub for _, stub in stubs), ""]))


def _package(folder: Path, module: str) -> Path:
    for name in module.split("."):
        folder /= name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.pyi").touch()
    return folder

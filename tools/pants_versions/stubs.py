"""Stub files of a release, out of the table: what a type checker then takes for Pants."""

from __future__ import annotations

from pathlib import Path

from pants_versions.table import ReleaseTable


def write(release: ReleaseTable, folder: Path) -> None:
    """Write packages below `folder`, which a `mypy_path` can name."""
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

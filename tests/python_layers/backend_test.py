"""Repositories without Python code do not need the Python backend."""

from __future__ import annotations

from pathlib import Path

from support.build_root import BuildRoot


def test_images_are_built_without_the_python_backend(tmp_path: Path) -> None:
    with BuildRoot(tmp_path / "root") as root:
        settings = (root.path / "pants.toml").read_text()
        assert '"pants.backend.python", ' in settings
        root.write(
            {
                "pants.toml": settings.replace('"pants.backend.python", ', ""),
                "app/BUILD": 'file(name="file", source="a.txt")\noci_image(name="image", dependencies=[":file"])\n',
                "app/a.txt": "a\n",
            }
        )
        assert "Wrote dist/app/image" in root.pants("package", "app:image").stderr

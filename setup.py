"""What pyproject.toml cannot say of the wheel: tests stay out, and the same sources give the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

# Times in the wheel are the earliest that a zip file can say, 1980, not those of a checkout.
os.environ["SOURCE_DATE_EPOCH"] = "315532800"


class BuildWithoutTests(build_py):
    """Leaves out the tests, which stand beside the code."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if not module[1].endswith("_test")]


class WheelOfPlainModes(bdist_wheel):
    """Gives every file one mode, whatever the umask was at checkout."""

    def write_wheelfile(self, wheelfile_base: str) -> None:
        super().write_wheelfile(wheelfile_base)
        # This was the last file, and the archive is made next.
        for path in Path(self.bdist_dir).rglob("*"):
            if path.is_file():
                path.chmod(0o644)


setup(cmdclass={"bdist_wheel": WheelOfPlainModes, "build_py": BuildWithoutTests})

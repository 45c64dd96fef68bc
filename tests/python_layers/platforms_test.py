"""The Python that an application is laid out for: of `complete_platforms`, or of the base."""

from __future__ import annotations

import pytest

from support.build_root import BuildRoot
from support.layouts import LayoutImage

pytestmark = pytest.mark.container


def test_each_image_gets_the_wheels_of_its_platform(root: BuildRoot) -> None:
    root.pants("package", "other:arm", "other:x86", "other:arm-unnamed")
    arm, x86, unnamed = (LayoutImage(root.path / f"dist/other/{name}") for name in ("arm", "x86", "arm-unnamed"))
    assert (arm.config["architecture"], x86.config["architecture"]) == ("arm64", "amd64")
    native = "app/lib/python3.11/site-packages/native.py"
    assert (arm.files(arm.layers[0])[native], x86.files(x86.layers[0])[native]) == (b"arm\n", b"x86\n")
    # Pure Python requirements and first-party code are the same blobs for both.
    assert arm.layers[1:] == x86.layers[1:]
    # Without `python` the version is that of the platform, and the path of the interpreter is unknown.
    assert unnamed.config["config"]["Entrypoint"] == ["python3", "/app/__main__.py"]
    assert unnamed.layers[0] == arm.layers[0]


def test_the_python_of_an_official_base_is_detected(root: BuildRoot) -> None:
    root.pants("package", "other:above")
    image = LayoutImage(root.path / "dist/other/above")
    assert image.files(image.layers[-2])["app/bin/python"] == b"/usr/local/bin/python3.11"
    assert set(image.config["config"]["Env"]) == {
        "PYTHON_VERSION=3.11.9",
        "GPG_KEY=0",
        "PATH=/app/bin:/usr/local/bin:/bin",
    }

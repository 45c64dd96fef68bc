from __future__ import annotations

import json

import pytest

from ocikit import InvalidInput, Platform
from ocikit.python_app.interpreter import Interpreter, WheelPlatform, matching


@pytest.mark.parametrize(
    "path, version",
    [
        pytest.param("/usr/bin/python3.11", "3.11", id="debian"),
        pytest.param("/usr/local/bin/python3.9", "3.9", id="official"),
        pytest.param("/python3.14", "3.14", id="root"),
    ],
)
def test_a_path_names_the_version(path: str, version: str) -> None:
    assert Interpreter.parse(path) == Interpreter(version, path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/usr/bin/python3", id="no-minor-version"),
        pytest.param("/usr/bin/python2.7", id="python-2"),
        pytest.param("usr/bin/python3.11", id="relative"),
        pytest.param("/usr/../bin/python3.11", id="up"),
        pytest.param("/usr//bin/python3.11", id="empty-part"),
        pytest.param("python3.11", id="name"),
        pytest.param("/usr/bin/python3.11-config", id="another-program"),
        pytest.param("", id="empty"),
    ],
)
def test_paths_that_are_not_of_a_python(path: str) -> None:
    with pytest.raises(InvalidInput, match="is not the path of a Python"):
        Interpreter.parse(path)


@pytest.mark.parametrize(
    "env, found",
    [
        pytest.param(
            ["PATH=/usr/local/bin", "GPG_KEY=x", "PYTHON_VERSION=3.12.7"],
            Interpreter("3.12", "/usr/local/bin/python3.12", "3.12.7"),
            id="official",
        ),
        pytest.param(
            ["PYTHON_VERSION=3.14.0rc2", "PYTHON_SHA256=x"],
            Interpreter("3.14", "/usr/local/bin/python3.14", "3.14.0"),
            id="candidate",
        ),
        pytest.param(["PYTHON_VERSION=3.10.14", "GPG_KEY=x", "PYPY_VERSION=7.3.17"], None, id="pypy"),
        pytest.param(["PYTHON_VERSION=2.7.18", "GPG_KEY=x"], None, id="python-2"),
        pytest.param(["PYTHON_VERSION=latest", "GPG_KEY=x"], None, id="no-version"),
        pytest.param(["PYTHON_VERSION=3.11.4", "PATH=/home/ci/.pyenv/shims:/usr/local/bin"], None, id="pyenv"),
        pytest.param(["GPG_KEY=x"], None, id="key-alone"),
        pytest.param(["PATH=/bin"], None, id="none"),
        pytest.param(None, None, id="no-variables"),
    ],
)
def test_the_python_of_an_official_image(env: list[str] | None, found: Interpreter | None) -> None:
    assert Interpreter.of_official_image({"Env": env} if env else {}) == found


def complete_platform(**markers: str) -> bytes:
    known = {"sys_platform": "linux", "platform_machine": "aarch64", "python_version": "3.11"}
    return json.dumps({"marker_environment": {**known, **markers}, "compatible_tags": []}).encode()


@pytest.mark.parametrize(
    "markers, platform",
    [
        pytest.param({}, "linux/arm64", id="arm64"),
        pytest.param({"platform_machine": "x86_64"}, "linux/amd64", id="amd64"),
        pytest.param({"platform_machine": "armv7l"}, "linux/arm/v7", id="variant"),
        pytest.param({"platform_machine": "arm64", "sys_platform": "darwin"}, "darwin/arm64", id="macos"),
    ],
)
def test_a_complete_platform(markers: dict[str, str], platform: str) -> None:
    found = WheelPlatform.of_complete_platform("cp.json", complete_platform(**markers))
    assert found == WheelPlatform("cp.json", Platform.parse(platform), "3.11")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{", id="not-json"),
        pytest.param(b"[]", id="not-an-object"),
        pytest.param(b"{}", id="no-markers"),
        pytest.param(complete_platform(platform_machine="vax"), id="unknown-machine"),
        pytest.param(complete_platform(sys_platform="win32"), id="unknown-system"),
    ],
)
def test_invalid_complete_platforms(data: bytes) -> None:
    with pytest.raises(InvalidInput, match='"cp.json" is not a complete platform'):
        WheelPlatform.of_complete_platform("cp.json", data)


@pytest.mark.parametrize(
    "tag, platform, version",
    [
        pytest.param("manylinux2014_aarch64-cp-311-cp311", "linux/arm64", "3.11", id="manylinux"),
        pytest.param("linux_x86_64-cp-39-cp39", "linux/amd64", "3.9", id="linux"),
        pytest.param("linux_x86_64-cp-3.12.1-cp312", "linux/amd64", "3.12", id="full-version"),
        pytest.param("macosx_11_0_arm64-cp-310-cp310", "darwin/arm64", "3.10", id="macos"),
    ],
)
def test_an_abbreviated_platform(tag: str, platform: str, version: str) -> None:
    assert WheelPlatform.of_tag(tag) == WheelPlatform(tag, Platform.parse(platform), version)


@pytest.mark.parametrize("tag", ["linux_vax-cp-311-cp311", "linux_x86_64-pp-39-pypy39", "x", ""])
def test_invalid_abbreviated_platforms(tag: str) -> None:
    with pytest.raises(InvalidInput, match="use `complete_platforms`"):
        WheelPlatform.of_tag(tag)


def test_platforms_match_by_machine_and_version() -> None:
    arm, amd = Platform.parse("linux/arm64"), Platform.parse("linux/amd64")
    offered = (WheelPlatform("a", arm, "3.11"), WheelPlatform("b", arm, "3.12"), WheelPlatform("c", amd, "3.11"))
    assert [o.name for o in matching(offered, arm, "3.12")] == ["b"]
    assert [o.name for o in matching(offered, Platform.parse("linux/arm64/v8"), None)] == ["a", "b"]
    assert matching(offered, amd, "3.12") == ()

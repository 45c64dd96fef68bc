from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ocikit.errors import InvalidInput
from ocikit.printable import printable
from ocikit.spec.platform import Platform
from ocikit.testing.strategies import json_values


@pytest.mark.parametrize(
    "text, platform",
    [
        pytest.param("linux/amd64", Platform("linux", "amd64"), id="two-parts"),
        pytest.param("linux/arm64/v8", Platform("linux", "arm64", "v8"), id="three-parts"),
        pytest.param("windows/amd64", Platform("windows", "amd64"), id="windows"),
    ],
)
def test_parse(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert str(platform) == text
    assert Platform.from_json(platform.to_json()) == platform


@pytest.mark.parametrize(
    "text, reason",
    [
        pytest.param("", "expected os/architecture", id="empty"),
        pytest.param("linux", "expected os/architecture", id="one-part"),
        pytest.param("amd64/linux", "operating system must be one of linux", id="swapped"),
        pytest.param("linux/x86_64", "architecture must be one of 386, amd64", id="uname"),
        pytest.param("linux/amd64/", "expected os/architecture", id="empty-variant"),
        pytest.param("linux/arm/v7/x", "expected os/architecture", id="four-parts"),
        pytest.param("Linux/amd64", "expected os/architecture", id="upper-case"),
        pytest.param("linux/amd64\n", "expected os/architecture", id="newline"),
    ],
)
def test_parse_refuses(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Platform.parse(text)
    assert f'"{printable(text)}" is not a platform' in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    "machine, image, runs",
    [
        pytest.param("linux/amd64", "linux/amd64", True, id="equal"),
        pytest.param("linux/arm64", "linux/arm64/v8", True, id="arm64-means-v8"),
        pytest.param("linux/arm64/v8", "linux/arm64", True, id="v8-means-arm64"),
        pytest.param("linux/arm", "linux/arm/v7", True, id="arm-means-v7"),
        pytest.param("linux/arm/v6", "linux/arm/v7", False, id="v6-is-not-v7"),
        pytest.param("linux/amd64", "linux/amd64/v3", False, id="amd64-is-not-v3"),
        pytest.param("linux/amd64", "linux/arm64", False, id="architecture"),
        pytest.param("linux/amd64", "windows/amd64", False, id="operating-system"),
    ],
)
def test_runs(machine: str, image: str, runs: bool) -> None:
    assert Platform.parse(machine).runs(Platform.parse(image)) is runs


def test_from_json_keeps_unknown_values() -> None:
    platform = Platform.from_json({"os": "plan9", "architecture": "unknown", "os.version": "1"})
    assert str(platform) == "plan9/unknown"


@given(json_values().map(lambda v: {"os": v, "architecture": v, "variant": v}))
def test_a_platform_of_any_json_is_text(document: Any) -> None:
    platform = Platform.from_json(document)
    assert isinstance(str(platform), str)
    hash(platform)

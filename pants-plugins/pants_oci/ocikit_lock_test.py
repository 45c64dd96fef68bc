"""The lock file that users get: the releases that it has for each Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints

# Pants parses requirements with it.
from pkg_resources import Requirement, parse_version

from pants_oci.subsystem import Ocikit

HERE = Path(__file__).parent
UNIVERSE = [f"3.{minor}" for minor in range(7, 20)]


def requirements(file: Path) -> list[Requirement]:
    lines = (line.rstrip(" \\") for line in file.read_text().splitlines())
    return [Requirement.parse(line) for line in lines if line and not line.lstrip().startswith(("#", "--hash"))]


def versions(*constraints: str) -> tuple[str, ...]:
    return InterpreterConstraints(constraints).partition_into_major_minor_versions(UNIVERSE)


def release(pin: Requirement) -> str:
    ((operator, version),) = pin.specs
    assert operator == "=="
    return version


def fits(requirement: Requirement, python: str) -> bool:
    variables = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or bool(requirement.marker.evaluate(variables))


LOCK = requirements(HERE / "ocikit.lock")
PYTHONS = versions(*Ocikit.default_interpreter_constraints)
REQUIRED = requirements(HERE.parents[1] / "3rdparty/ocikit.in")
NEWEST = versions(*Ocikit.newest_interpreter_constraints)


def installed(python: str) -> dict[str, str]:
    found = [(pin.key, release(pin)) for pin in LOCK if fits(pin, python)]
    assert len(dict(found)) == len(found), "two releases of one requirement"
    return dict(found)


def newest() -> dict[str, str]:
    found = {
        pin.key: sorted((release(other) for other in LOCK if other.key == pin.key), key=parse_version) for pin in LOCK
    }
    return {name: releases[-1] for name, releases in found.items()}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_preferred_pythons_are_those_with_the_newest_releases(python: str) -> None:
    """If this fails, change `newest_interpreter_constraints`."""
    assert (installed(python) == newest()) is (python in NEWEST)


def test_preferred_pythons_are_among_all() -> None:
    assert NEWEST
    assert set(NEWEST) < set(PYTHONS)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_has_what_is_required(python: str) -> None:
    """`ocikit.in` names the oldest release of urllib3 without a known vulnerability."""
    found = installed(python)
    required = [requirement for requirement in REQUIRED if fits(requirement, python)]
    assert {requirement.key for requirement in REQUIRED} == {requirement.key for requirement in required}
    assert [
        str(requirement) for requirement in required if found[requirement.key.replace(".", "-")] not in requirement
    ] == []


def test_the_metadata_has_the_interpreter_constraints() -> None:
    metadata = json.loads((HERE / "ocikit.lock.metadata").read_text())
    assert metadata["valid_for_interpreter_constraints"] == Ocikit.default_interpreter_constraints

"""The lock file that users get: which releases it has for which Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints

from pants_oci.subsystem import Ocikit

HERE = Path(__file__).parent
UNIVERSE = [f"3.{minor}" for minor in range(7, 20)]


def requirements(file: Path) -> list[Requirement]:
    lines = (line.rstrip(" \\") for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.lstrip().startswith(("#", "--hash"))]


def versions(*constraints: str) -> tuple[str, ...]:
    return InterpreterConstraints(constraints).partition_into_major_minor_versions(UNIVERSE)


def release(requirement: Requirement) -> Version:
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return Version(pin.version)


def fits(requirement: Requirement, python: str) -> bool:
    marks = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(marks)


LOCK = requirements(HERE / "ocikit.lock")
PYTHONS = versions(*Ocikit.default_interpreter_constraints)
NEWEST = versions(*Ocikit.newest_interpreter_constraints)


def installed(python: str) -> dict[str, Version]:
    found = [(requirement.name, release(requirement)) for requirement in LOCK if fits(requirement, python)]
    assert len(dict(found)) == len(found), "two releases of one requirement"
    return dict(found)


def newest() -> dict[str, Version]:
    return {name: max(release(pin) for pin in LOCK if pin.name == name) for name in {pin.name for pin in LOCK}}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_preferred_pythons_are_those_with_the_newest_releases(python: str) -> None:
    """Otherwise move `newest_interpreter_constraints`."""
    assert (installed(python) == newest()) is (python in NEWEST)


def test_preferred_pythons_are_among_all() -> None:
    assert NEWEST
    assert set(NEWEST) < set(PYTHONS)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "wanted",
    requirements(HERE.parents[1] / "3rdparty/ocikit.in"),
    ids=str,
)
def test_the_lock_file_has_what_is_required(wanted: Requirement, python: str) -> None:
    """`ocikit.in` says below which release a known vulnerability is."""
    if fits(wanted, python):
        assert installed(python)[canonicalize_name(wanted.name)] in wanted.specifier


def test_pants_is_told_for_which_pythons_it_is() -> None:
    metadata = json.loads((HERE / "ocikit.lock.metadata").read_text())
    assert metadata["valid_for_interpreter_constraints"] == Ocikit.default_interpreter_constraints

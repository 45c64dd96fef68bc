"""The changelog describes the current version."""

from __future__ import annotations

import re

import tomli

from support.build_root import PROJECT

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Digests"}


def test_the_newest_heading_is_the_version_of_the_project() -> None:
    version = tomli.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"(?m)^## (.*)$", (PROJECT / "CHANGELOG.md").read_text())
    assert headings[0] == "Unreleased" or re.fullmatch(
        rf"{re.escape(version)} - (Unreleased|\d{{4}}-\d\d-\d\d)", headings[0]
    )
    released = [heading for heading in headings if "Unreleased" not in heading]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in released)


def test_changes_have_standard_headings() -> None:
    assert set(re.findall(r"(?m)^### (.*)$", (PROJECT / "CHANGELOG.md").read_text())) <= KINDS

"""A change publishes the images that contain it, and no others."""

from __future__ import annotations

import json

import pytest

from support.build_root import BuildRoot

SHARED = {"api", "banner", "greeter", "site", "worker"}


def published(root: BuildRoot) -> set[str]:
    """The examples that `publish` with `--changed-since` selects."""
    output = root.path / "dist/published.json"
    arguments = ["--changed-since=HEAD", "--changed-dependents=transitive", "publish", f"--publish-output={output}"]
    root.pants(*arguments)
    entries = json.loads(output.read_text()) if output.exists() else []
    rows = [row for entry in entries for row in entry["references"]]
    return {row["repository"].rpartition("/")[2] for row in rows}


@pytest.mark.parametrize(
    "source, expected",
    [
        pytest.param("examples/common/etc/group", SHARED, id="shared-layer"),
        pytest.param("examples/greeter/greeting.txt", {"greeter", "banner"}, id="base-of-another"),
        pytest.param("examples/banner/banner.txt", {"banner"}, id="built-on-another"),
        pytest.param("examples/site/index.html", {"site"}, id="file"),
        pytest.param("examples/library/shop/prices.py", {"api", "worker"}, id="shared-code"),
        pytest.param("examples/worker/report.py", {"worker"}, id="python"),
    ],
)
def test_a_changed_file(examples: BuildRoot, source: str, expected: set[str]) -> None:
    examples.write({source: (examples.path / source).read_text() + "\n"})
    assert published(examples) == expected


def test_nothing_changed(examples: BuildRoot) -> None:
    assert published(examples) == set()

"""`pants publish ::` to every kind of registry, checked in the registry; then other tools pull everything."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot, Result
from support.pulling import PULLERS
from support.sites import Asked, Site

pytestmark = pytest.mark.container

REFERENCES = [("team/one", "latest"), ("team/two", "1.0"), ("team/two", "latest")]


@dataclass(frozen=True)
class Run:
    """A `publish`, the rows of its report, and the requests that the registry received."""

    result: Result
    rows: list[dict[str, Any]]
    asked: tuple[Asked, ...]

    @property
    def sent(self) -> tuple[Asked, ...]:
        return tuple(asked for asked in self.asked if asked.method not in ("GET", "HEAD"))

    @property
    def blobs(self) -> set[str]:
        return {asked.completed_blob for asked in self.asked} - {""}

    @property
    def digests(self) -> dict[tuple[str, str], str]:
        """The digests in the report, by repository and tag."""
        return {(row["repository"], row["tag"]): row["digest"] for row in self.rows}


def publish(root: BuildRoot, site: Site) -> Run:
    report = root.path / "dist/report.json"
    before = len(site.log())
    result = root.pants(
        site.option, f"--oci-report={report}", "publish", "::", env={"DOCKER_CONFIG": str(site.docker_config)}
    )
    return Run(result, json.loads(report.read_text())["references"], site.log()[before:])


@pytest.fixture(scope="module")
def first(root: BuildRoot, site: Site) -> Run:
    return publish(root, site)


def test_the_first_run_publishes_everything(site: Site, first: Run) -> None:
    assert sorted(first.digests) == REFERENCES
    for (repository, tag), digest in first.digests.items():
        assert site.registry.digest(repository, tag) == digest
        manifest = site.registry.manifest(repository, tag)
        for blob in (manifest["config"], *manifest["layers"]):
            answer = site.registry.get(f"{repository}/blobs/{blob['digest']}")
            assert (answer.status_code, len(answer.content)) == (200, blob["size"])
    assert {row["outcome"] for row in first.rows} == {"pushed"}


@pytest.mark.parametrize("tool", PULLERS)
@pytest.mark.parametrize("reference", REFERENCES, ids=[":".join(pair) for pair in REFERENCES])
def test_other_tools_pull_the_reported_digest(
    site: Site, first: Run, tool: str, reference: tuple[str, str], tmp_path: Path
) -> None:
    if tool == "docker" and site.registry.client and os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can show a client certificate to Docker's daemon.")
    assert PULLERS[tool](site, site.pulled_from(*reference), tmp_path) == first.digests[reference]


def test_the_second_run_changes_nothing(root: BuildRoot, site: Site, first: Run) -> None:
    again = publish(root, site)
    assert again.sent == ()
    assert again.digests == first.digests
    assert {row["outcome"] for row in again.rows} == {"unchanged"}


def test_a_change_sends_one_layer(root: BuildRoot, site: Site, first: Run) -> None:
    before = site.registry.manifest("team/two")
    root.write({"team/small.txt": "changed\n"})
    run = publish(root, site)
    root.write({"team/small.txt": "small\n"})
    after = site.registry.manifest("team/two")

    layers = {layer["digest"] for layer in after["layers"]} - {layer["digest"] for layer in before["layers"]}
    assert len(layers) == 1
    assert run.blobs == {*layers, after["config"]["digest"]}
    assert {row["tag"]: row["outcome"] for row in run.rows if row["repository"] == "team/two"} == {
        "latest": "pushed",
        "1.0": "pushed",
    }
    assert run.digests["team/one", "latest"] == first.digests["team/one", "latest"]

"""The benchmarks run, and Pants sends less than skopeo in their smallest case."""

from __future__ import annotations

import json
from pathlib import Path

from support.build_root import PROJECT
from support.commands import run


def test_the_smallest_benchmark(tmp_path: Path) -> None:
    run(str(PROJECT / "benchmarks/run"), "smallest", "--repetitions=1", f"--output={tmp_path}")
    document = json.loads((tmp_path / "smallest.json").read_text())

    cells = {cell["tool"]: cell for cell in document["cells"]}
    assert {"pants", "skopeo one by one"} <= set(cells)
    # One image of five changed: ours sends one request for each image, and one or two for each part of the changed one.
    assert 5 <= cells["pants"]["requests"] < cells["skopeo one by one"]["requests"]
    assert 0 < cells["pants"]["bytes_sent"] < cells["skopeo one by one"]["bytes_sent"]
    assert all(cell["wall_least"] > 0 and cell["processor"] > 0 for cell in cells.values())

    facts = {fact["what"]: fact["met"] for fact in document["facts"]}
    assert facts
    assert all(facts.values())
    assert "## smallest" in (tmp_path / "README.md").read_text()


def test_a_cold_start(tmp_path: Path) -> None:
    run(str(PROJECT / "benchmarks/cold_start"), "--without-peers", "--repetitions=1", f"--output={tmp_path}")
    starts = json.loads((tmp_path / "cold-start.json").read_text())["starts"]
    assert all(start["processor"] > 0 and start["memory"] > 0 for found in starts.values() for start in found)
    # Memory hardly varies, and follows the work of Pants's rule solver: it was 725 MiB.
    assert starts["pants_oci"][0]["memory"] <= 600
    page = (tmp_path / "cold-start.md").read_text()
    assert all(f"| {backend} |" in page for backend in starts)

"""The results as JSON, one file for each case, and the page that shows them all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.cases import CASES, Case
from bench.facts import Fact
from bench.session import OURS, Cell, Sample

Document = dict[str, Any]

_HEAD = """\
# Results

Written by `benchmarks/run`; [README.md](../README.md) describes what is measured and how. Seconds are the least of the
repetitions and, after the stroke, their median. The ratio is ours to the peer's: below 1 ours is better. *load* is what
else was ready to run on the machine: above the number of processors, seconds are unreliable, but counts are not.
"""


def document_of(
    case: Case, samples: Mapping[Cell, Sequence[Sample]], facts: Sequence[Fact], about: Mapping[str, Any]
) -> Document:
    return {
        "case": case.name,
        "about": dict(about),
        "cells": [_cell(cell, found) for cell, found in samples.items()],
        "facts": [asdict(fact) for fact in facts],
    }


def _cell(cell: Cell, samples: Sequence[Sample]) -> Document:
    """Summarize a cell; counts are the largest of the repetitions."""
    walls = [sample.cost.wall for sample in samples]
    return {
        **asdict(cell),
        "repetitions": len(samples),
        "requests": max(len(sample.traffic.exchanges) for sample in samples),
        "connections": max(sample.traffic.connections for sample in samples),
        "bytes_sent": max(sample.traffic.sent for sample in samples),
        "bytes_received": max(sample.traffic.received for sample in samples),
        "processor": round(median(sample.cost.processor for sample in samples), 2),
        "wall_least": round(min(walls), 3),
        "wall_median": round(median(walls), 3),
        "load": round(max(sample.load for sample in samples), 1),
    }


def write(document: Document, folder: Path) -> None:
    """Write a case's results, and update the page with the results of all cases in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{document['case']}.json").write_text(json.dumps(document, indent=2) + "\n")
    kept = {case: folder / f"{case.name}.json" for case in CASES}
    pages = [page(case, json.loads(file.read_text())) for case, file in kept.items() if file.exists()]
    (folder / "README.md").write_text("\n".join([_HEAD, *pages]))


def page(case: Case, document: Document) -> str:
    load = max(cell["load"] for cell in document["cells"])
    about = ", ".join(f"{name} {value}" for name, value in {**document["about"], "load": f"up to {load}"}.items())
    lines = [f"## {case.name}: {case.title}", "", f"{about}.", ""]
    lines += [
        "| tool | images | added | requests | connections | MB sent | processor s | ratio | wall s | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *_rows(document["cells"]),
        "",
        "| | expected | found | |",
        "|---|---|---|---|",
        *(
            f"| {fact['what']} | {fact['expected']} | {fact['found']} | {'met' if fact['met'] else '**not met**'} |"
            for fact in document["facts"]
            if fact["expected"]
        ),
        "",
    ]
    return "\n".join(lines)


def _rows(cells: Sequence[Document]) -> Iterator[str]:
    ours = {(cell["delay"], cell["count"]): cell for cell in cells if cell["tool"] == OURS}
    for cell in cells:
        mine = ours[cell["delay"], cell["count"]]
        columns = (
            cell["tool"],
            f"{cell['count']:,}",
            f"{cell['delay'] * 1000:.0f} ms",
            f"{cell['requests']:,}",
            f"{cell['connections']:,}",
            f"{cell['bytes_sent'] / 1e6:,.3f}",
            f"{cell['processor']:.2f}",
            _ratio(mine, cell, "processor"),
            f"{cell['wall_least']:.2f} / {cell['wall_median']:.2f}",
            _ratio(mine, cell, "wall_least"),
        )
        yield f"| {' | '.join(columns)} |"


def _ratio(ours: Document, peer: Document, key: str) -> str:
    if peer is ours or not peer[key]:
        return ""
    return f"{ours[key] / peer[key]:.2f}"

"""The page about costs has the figures that were measured last."""

from __future__ import annotations

import re

import pytest

from support.build_root import PROJECT

PAGE = (PROJECT / "docs/costs.md").read_text()
RESULTS = "".join((PROJECT / "benchmarks/results" / name).read_text() for name in ("README.md", "start-up.md"))
FIGURES = sorted(set(re.findall(r"\b(\d+\.\d+) (?:s|ms|MB)\b", PAGE)))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_was_measured(figure: str) -> None:
    assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.])", RESULTS)

"""The figures on the pages about costs are those of the last measurement."""

from __future__ import annotations

import re

import pytest

from support.build_root import PROJECT

PAGES = "".join((PROJECT / "docs" / name).read_text() for name in ("costs.md", "how-to/remote-cache.md"))
RESULTS = "".join(path.read_text() for path in sorted((PROJECT / "benchmarks/results").glob("*.md")))
FIGURES = sorted(set(re.findall(r"\b(\d+\.\d+) (?:s|ms|MB)\b", PAGES)))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_was_measured(figure: str) -> None:
    assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.])", RESULTS)

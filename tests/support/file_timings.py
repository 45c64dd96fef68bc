"""Which files of tests take longest: the first to look at when the suite becomes slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_MOST = 15


def slowest(durations: Iterable[tuple[str, float]]) -> list[str]:
    """A line for each of the slowest files; `durations`: seconds of set-up, call and tear-down, by the test's name."""
    seconds: Counter[str] = Counter()
    for name, duration in durations:
        seconds[name.partition("::")[0]] += duration  # type: ignore[assignment]
    return [f"{duration:7.1f} s  {name}" for name, duration in seconds.most_common(_MOST)]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "duration")]
    if reports:
        terminalreporter.section("slowest files")
        terminalreporter.write_line("\n".join(slowest((report.nodeid, report.duration) for report in reports)))

"""The page states the waiting times of the code."""

from __future__ import annotations

import pytest

from ocikit import container_engine, file_lock
from ocikit.registry.deadline import DEFAULT_LIMITS
from ocikit.registry.retry_policy import LONGEST_SECONDS
from ocikit.registry.wait_budget import QUICK_SECONDS, SLOW_RATE, TOTAL_SECONDS
from ocikit.units import human_bytes
from support.build_root import PROJECT

PAGE = (PROJECT / "docs/faults.md").read_text()
SECTION = PAGE.partition("\n## How long it waits\n")[2].partition("\n## ")[0]


def row(words: str) -> str:
    (found,) = (line for line in SECTION.splitlines() if line.startswith(f"| {words}"))
    return found.split("|")[2].strip()


@pytest.mark.parametrize(
    "words, text",
    [
        ("a connection", f"{DEFAULT_LIMITS.connect:g} seconds"),
        ("a proxy's answer", f"{DEFAULT_LIMITS.connect:g} seconds"),
        ("silence", f"{DEFAULT_LIMITS.silence:g} seconds"),
        ("an answer", f"{DEFAULT_LIMITS.answer:g} seconds; {human_bytes(DEFAULT_LIMITS.answer_size)}"),
        ("a layer", f"{human_bytes(round(DEFAULT_LIMITS.rate))} a second"),
        ("a pause", f"{LONGEST_SECONDS:g} seconds"),
        ("a question", f"{container_engine.QUESTION_SECONDS:g} seconds; {container_engine.LOAD_SECONDS:,g} seconds"),
        ("a directory", f"{file_lock.SECONDS:g} seconds"),
    ],
)
def test_limits(words: str, text: str) -> None:
    assert row(words) == text


def test_the_budget() -> None:
    assert f"A run waits for {TOTAL_SECONDS / 60:g} minutes at most" in SECTION
    assert f"beyond {QUICK_SECONDS:g} seconds, and beyond a second for each {human_bytes(round(SLOW_RATE))}" in SECTION
    assert f"behind {human_bytes(round(SLOW_RATE))} a second" in SECTION

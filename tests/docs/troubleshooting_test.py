"""Each message that the page explains is in the sources; `…` replaces the variable parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from support.build_root import PROJECT

PAGE = (PROJECT / "docs/how-to/troubleshooting.md").read_text()
MESSAGES = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)


@cache
def texts() -> tuple[str, ...]:
    """All strings in the sources, with `…` for formatted values."""
    found: list[str] = []
    for folder in ("src/ocikit", "pants-plugins/pants_oci"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            if not path.name.endswith("_test.py"):
                found += _texts_of(ast.parse(path.read_text()))
    return tuple(found)


def _texts_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_in_the_sources(message: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, message.split("…"))))
    assert any(pattern.search(text) for text in texts())


def test_messages_are_unique_and_distinctive() -> None:
    assert len(MESSAGES) == len(set(MESSAGES)) >= 25
    # Each has enough fixed text to identify it.
    assert all(len(message.replace("…", "")) >= 12 for message in MESSAGES)

"""Each message that the page explains is one of the sources, where `…` is what varies."""

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
    """All texts of the sources; what is put into them is `…`."""
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


def test_messages_are_looked_for_in_earnest() -> None:
    assert len(MESSAGES) == len(set(MESSAGES)) >= 25
    # Enough of each is fixed for it to be found, and to be told from others.
    assert all(len(message.replace("…", "")) >= 12 for message in MESSAGES)

"""Parts of a page in Markdown."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A fenced block: the number of its first line, the text after the first three backticks, and its content."""

    line: int
    language: str
    text: str


def fences(page: str) -> tuple[Fence, ...]:
    return tuple(
        Fence(page.count("\n", 0, found.start()) + 1, found.group(2), textwrap.dedent(found.group(3)))
        for found in _FENCE.finditer(page)
    )


def commands(page: str) -> tuple[str, ...]:
    """Possible commands: lines of code blocks other than YAML, and inline code."""
    blocks = [fence.text for fence in fences(page) if fence.language != "yaml"]
    rest = _FENCE.sub("", page)
    blocks += re.findall(r"^    +(?=\S)(.*)$", rest, re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    inline = re.findall(r"`([^`\n]+)`", rest)
    return tuple(line.strip() for line in (*lines, *inline))

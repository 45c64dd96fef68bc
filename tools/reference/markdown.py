"""Markdown shared by the pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

GENERATED = "<!-- Written by tools/reference/generate out of the code; edit that, not this. -->"


def page(title: str, *blocks: str) -> str:
    """A page of blocks: paragraphs, headings, tables and code."""
    return "\n\n".join((f"# {title}", GENERATED, *(block.strip("\n") for block in blocks if block))) + "\n"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(language: str, text: str) -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"


def help_text(text: str, language: str = "") -> str:
    """The help of Pants as Markdown: the indented lines below "Example:" are a block of `language`."""
    description, line, example = text.partition("Example:\n\n    ")
    if not line:
        return text
    return f"{description}{code(language, re.sub('(?m)^    ', '', example))}"


def docstring(text: str) -> str:
    """A docstring, with its doctests as code."""
    session = re.compile(r"(?m)^>>> .*(?:\n(?!\n).+)*(?:\n\n>>> .*(?:\n(?!\n).+)*)*")
    return session.sub(lambda found: code("pycon", found[0]), text)

"""What the pages have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable

GENERATED = "<!-- Written by tools/reference/generate out of the code; edit that, not this. -->"


def page(title: str, *blocks: str) -> str:
    """A page of blocks: paragraphs, headings, tables, code."""
    return "\n\n".join((f"# {title}", GENERATED, *(block.strip("\n") for block in blocks if block))) + "\n"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(language: str, text: str) -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"


def help_text(text: str, language: str = "") -> str:
    """Help as Pants shows it: what is indented below its Example is `language`."""
    told, line, example = text.partition("Example:\n\n    ")
    if not line:
        return text
    return f"{told}{code(language, re.sub('(?m)^    ', '', example))}"


def docstring(text: str) -> str:
    """A docstring, with its doctests as code."""
    session = re.compile(r"(?m)^>>> .*(?:\n(?!\n).+)*(?:\n\n>>> .*(?:\n(?!\n).+)*)*")
    return session.sub(lambda found: code("pycon", found[0]), text)

"""Notes on a conversion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A note. `where`: file and line, or an address; `what`: the text there; `matters`: the image lacks it."""

    where: str
    what: str
    advice: str
    matters: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.advice}"

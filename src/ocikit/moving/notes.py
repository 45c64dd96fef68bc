"""What is told of a conversion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """`where`: file and line, or an address; `what`: what stands there. `matters`: the image lacks it."""

    where: str
    what: str
    advice: str
    matters: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.advice}"

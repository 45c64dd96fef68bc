"""Where an application's distributions are installed, and with which interpreter their scripts start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Site:
    """The target of distributions below an application's root: like `sys.prefix` of a virtual environment.

    `packages`: the folder that Python imports from. `interpreter`: the path of the Python that scripts start with;
    None if only the name `python3` is known, and then `set_up` is the code with which a script finds the packages.
    `version` is "3.12".
    """

    packages: str
    version: str
    interpreter: str | None
    set_up: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Site:
        return cls(**document)

"""What a case of the specification is: requests that follow each other, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ocikit.testing import Faults
from ocikit.testing.fake_faults import NO_FAULTS

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Step:
    """A request ("METHOD path") and its answer.

    In the path {location} is where the last answer with one points, and {name} a repository of the case's own.
    `answered`: what headers must match, "" where one must not be there. `body`, `code` (of the error), `names` (members
    of a JSON object): what the answer holds.
    """

    request: str
    status: int | tuple[int, ...]
    headers: Mapping[str, str] = _NOTHING
    sent: bytes = b""
    answered: Mapping[str, str] = _NOTHING
    body: bytes | None = None
    code: str | None = None
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    section: str
    steps: tuple[Step, ...]
    # Only the fake has it: a switch of its own.
    faults: Faults = NO_FAULTS

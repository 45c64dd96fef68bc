"""A case of the specification: consecutive requests and their responses."""

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
    """A request ("METHOD path") and its response.

    In the path, {location} is the latest `Location`, and {name} is a repository of the case.
    `answered`: patterns of the response's headers, "" for one that must be absent. `body`, `code` (of the error),
    `names` (members of a JSON object): content of the response.
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
    # A switch of the fake alone.
    faults: Faults = NO_FAULTS

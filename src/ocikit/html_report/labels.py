"""Labels for outcomes and transfers; a dry run has other ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ocikit.publish.report import FAILED, PUSHED, SKIPPED, TAGGED, UNCHANGED
from ocikit.publish.transfers import MOUNTED, PRESENT, SENT, UNSENT
from ocikit.units import human_bytes

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Words:
    """The labels of a report; `outcomes` and `transfers` by their names in JSON."""

    title: str
    changed: str
    outcomes: Mapping[str, str]
    transfers: Mapping[str, str]


DONE = Words(
    "Publish report",
    "changed",
    MappingProxyType(
        {PUSHED: "pushed", TAGGED: "new tag", FAILED: "failed", UNCHANGED: "unchanged", SKIPPED: "skipped"}
    ),
    MappingProxyType({SENT: "sent", MOUNTED: "mounted", PRESENT: "already present", UNSENT: "not sent"}),
)
FORESEEN = replace(
    DONE,
    title="Publish report: dry run",
    changed="would change",
    outcomes=MappingProxyType({**DONE.outcomes, PUSHED: "would be pushed", TAGGED: "would get a tag"}),
    transfers=MappingProxyType({**DONE.transfers, SENT: "to send", MOUNTED: "to mount"}),
)


def signed_bytes(count: int) -> str:
    """A difference in bytes with its sign."""
    return f"{'+' if count > 0 else _MINUS if count < 0 else ''}{human_bytes(abs(count))}"


def human_seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"

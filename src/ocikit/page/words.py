"""What outcomes and travels are called; a dry run says it in other words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ocikit.human import human_bytes
from ocikit.push.report import FAILED, PUSHED, SKIPPED, TAGGED, UNCHANGED
from ocikit.push.travel import MOUNTED, PRESENT, SENT, UNSENT

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Words:
    """`outcomes` and `travels` by what a report calls them."""

    title: str
    changed: str
    outcomes: Mapping[str, str]
    travels: Mapping[str, str]


DONE = Words(
    "Publish report",
    "changed",
    MappingProxyType(
        {PUSHED: "pushed", TAGGED: "new tag", FAILED: "failed", UNCHANGED: "unchanged", SKIPPED: "skipped"}
    ),
    MappingProxyType({SENT: "sent", MOUNTED: "mounted", PRESENT: "was there", UNSENT: "not sent"}),
)
FORESEEN = replace(
    DONE,
    title="Publish report: dry run",
    changed="would change",
    outcomes=MappingProxyType({**DONE.outcomes, PUSHED: "would be pushed", TAGGED: "would get a tag"}),
    travels=MappingProxyType({**DONE.travels, SENT: "to send", MOUNTED: "to mount", PRESENT: "is there"}),
)


def signed_bytes(count: int) -> str:
    """How much more it is."""
    return f"{'+' if count > 0 else _MINUS if count < 0 else ''}{human_bytes(abs(count))}"


def human_seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"

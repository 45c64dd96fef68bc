"""The outcomes of the steps of a plan, as they leave a sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ocikit.publish.request import Destination
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest

Blob = tuple[Destination, Digest]


@dataclass(frozen=True)
class Cost:
    """The cost of a repository: requests (also retries and tokens), bytes of bodies sent, time from first to last."""

    requests: int = 0
    bytes_sent: int = 0
    milliseconds: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.requests + other.requests,
            self.bytes_sent + other.bytes_sent,
            self.milliseconds + other.milliseconds,
        )

    def to_json(self) -> list[int]:
        return [self.requests, self.bytes_sent, self.milliseconds]


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of the steps of a plan.

    `failed`: why a tag was not moved, by (target, repository, tag), without the tags that moved. `stored`: blobs,
    and images of indexes, that exist now, including mounted blobs. `unmounted`: blobs that a registry did not mount and
    whose bytes were not available; images that need them are neither done nor failed. `waited`: how many seconds the
    run waited for registries, see `ocikit.registry.wait_budget`.
    """

    failed: Mapping[tuple[str, Destination, str], str] = field(default_factory=lambda: MappingProxyType({}))
    stored: frozenset[Blob] = frozenset()
    mounted: frozenset[Blob] = frozenset()
    unmounted: frozenset[Blob] = frozenset()
    costs: Mapping[Destination, Cost] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()
    waited: int = 0

    def waits(self, place: Destination, blobs: Iterable[Descriptor]) -> bool:
        """Whether an image of these blobs in `place` is neither done nor failed."""
        return any((place, blob.digest) in self.unmounted for blob in blobs)

    def then(self, later: Outcomes) -> Outcomes:
        """These outcomes and those of the steps after them."""
        costs = {place: self.costs.get(place, Cost()) + cost for place, cost in later.costs.items()}
        return Outcomes(
            {**self.failed, **later.failed},
            self.stored | later.stored,
            self.mounted | later.mounted,
            later.unmounted,
            {**self.costs, **costs},
            (*self.warnings, *later.warnings),
            self.waited + later.waited,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "failed": [[origin, place.address, tag, text] for (origin, place, tag), text in self.failed.items()],
            "stored": _blobs_to_json(self.stored),
            "mounted": _blobs_to_json(self.mounted),
            "unmounted": _blobs_to_json(self.unmounted),
            "costs": costs_to_json(self.costs),
            "warnings": list(self.warnings),
            "waited": self.waited,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Outcomes:
        return cls(
            {(origin, Destination(place), tag): text for origin, place, tag, text in document["failed"]},
            _blobs_from_json(document["stored"]),
            _blobs_from_json(document["mounted"]),
            _blobs_from_json(document["unmounted"]),
            costs_from_json(document["costs"]),
            tuple(document["warnings"]),
            document["waited"],
        )


def costs_to_json(costs: Mapping[Destination, Cost]) -> dict[str, Any]:
    return {place.address: cost.to_json() for place, cost in costs.items()}


def costs_from_json(document: Mapping[str, Any]) -> Mapping[Destination, Cost]:
    return {Destination(address): Cost(*values) for address, values in document.items()}


def _blobs_to_json(blobs: Iterable[Blob]) -> list[list[str]]:
    return sorted([place.address, str(digest)] for place, digest in blobs)


def _blobs_from_json(rows: Iterable[Iterable[str]]) -> frozenset[Blob]:
    return frozenset((Destination(address), Digest.parse(digest)) for address, digest in rows)

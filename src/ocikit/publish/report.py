"""The report of a run, for people and for programs: a row for each reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from ocikit.publish.changes import NO_CHANGES, Changes, LayerChange
from ocikit.publish.changes import changes as compared
from ocikit.publish.outcome import Cost, Outcomes
from ocikit.publish.remote_state import RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Blocked, Plan, PutManifest
from ocikit.publish.transfers import TransferredLayer, Transfers
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.image_layout import LAYOUT_SCHEME
from ocikit.units import human_bytes

Outcome = Literal["pushed", "tagged", "unchanged", "failed", "skipped"]
PUSHED: Final = "pushed"
TAGGED: Final = "tagged"
UNCHANGED: Final = "unchanged"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
_NO_COST = Cost()


@dataclass(frozen=True)
class Row:
    """One reference. The costs of a repository (bytes, requests, time) are only in its first changed reference.

    `target`: the address of the push target. `registry`: the host, or "oci:" for a directory of layouts. `repository`:
    its name there, or the path of its layout. `tag`: one of `image_tags`. `reference`: registry, repository and tag, as
    other tools take them. `digest`: of the manifest or index; empty if the image was not built, because nothing is
    published. `outcome`: tagged, if the image existed and only the tag is new; skipped, because of `skip_push`.
    `requests`, `seconds`: the cost of the repository, including the survey. `changes`: compared with the image that the
    tag named before.

    `bytes_sent`: bytes of request bodies, including manifests and retries. `bytes_mounted`, `bytes_present`: compressed
    bytes of blobs. `error`: why it failed. `size`: compressed bytes of the layers, each once; 0 if the image was not
    built. `layers`: all layers, the lowest first; empty if the reference is unchanged.
    """

    target: str
    registry: str
    repository: str
    tag: str
    reference: str
    digest: str
    outcome: Outcome
    bytes_sent: int = 0
    bytes_mounted: int = 0
    bytes_present: int = 0
    requests: int = 0
    seconds: float = 0.0
    changes: Changes = NO_CHANGES
    error: str | None = None
    size: int = 0
    layers: tuple[TransferredLayer, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def rows(
    requests: Sequence[PushRequest],
    seen: RemoteState,
    plan: Plan,
    outcomes: Outcomes,
    surveyed: Mapping[Destination, Cost],
) -> tuple[Row, ...]:
    """The rows of all references of `requests`, in their order.

    For a dry run, pass `dry_run_outcomes(plan)` as `outcomes`.
    """
    puts = {(put.origin, put.destination, tag): put for put in plan.puts for tag in put.tags}
    refused = {(step.origin, step.destination, step.tag): step for step in plan.refused}
    costs = _Costs(plan, outcomes, surveyed)
    travels = Transfers(plan, outcomes)
    found = []
    for request in requests:
        for tag in request.tags:
            key = (request.origin, request.destination, tag)
            row = _row(request, tag, puts.get(key), refused.get(key), outcomes.failed.get(key))
            if row.outcome != UNCHANGED:
                changes = compared(request, tag, seen, known=row.outcome == TAGGED)
                row = replace(row, changes=changes, layers=travels.layers(request))
            found.append((request, row))
    # Changed references come first, because the first row gets the cost of the repository.
    order = sorted(range(len(found)), key=lambda number: found[number][1].outcome == UNCHANGED)
    finished = {number: costs.added_to(*found[number]) for number in order}
    return tuple(finished[number] for number in range(len(found)))


def skipped(request: PushRequest) -> tuple[Row, ...]:
    """The rows of a request that is not to be published."""
    return tuple(replace(_row(request, tag, None, None, None), outcome=SKIPPED) for tag in request.tags)


def unbuilt(target: str, destination: Destination, tag: str) -> Row:
    """The row of a reference that is not to be published and was not built: it has no digest."""
    return _plain(target, destination, tag, "", SKIPPED)


def dry_run_outcomes(plan: Plan) -> Outcomes:
    """The outcomes of a plan if nothing fails, for a dry run."""
    mounted = frozenset((step.destination, step.blob.digest) for step in plan.mounts)
    sent = frozenset((step.destination, step.blob.digest) for step in plan.uploads)
    costs: dict[Destination, Cost] = {}
    for step in plan.uploads:
        costs[step.destination] = costs.get(step.destination, _NO_COST) + Cost(bytes_sent=step.blob.size)
    return Outcomes(stored=mounted | sent, mounted=mounted, costs=costs)


def is_settled(row: Row, dry_run: bool) -> bool:
    """Whether nothing was done for a reference, and nothing had to be done."""
    return row.outcome in (UNCHANGED, SKIPPED) or (dry_run and row.outcome != FAILED)


def line(row: Row) -> str:
    """The result of a reference and its reason, for people."""
    if row.error:
        return f"{row.target}: {row.reference} was not moved to {row.digest}: {row.error}"
    return f"{row.target}: {row.outcome} {row.reference} {row.digest}: {details(row)}"


def details(row: Row) -> str:
    """Why a reference changed, and how many bytes that took."""
    moved = [f"{human_bytes(row.bytes_sent)} sent"]
    if row.bytes_mounted:
        moved.append(f"{human_bytes(row.bytes_mounted)} mounted")
    if row.outcome == TAGGED:
        return ", ".join(("the image was there already", *moved))
    changes = row.changes
    if not changes.previous:
        return ", ".join(("new", *moved))
    reasons = [_reason(change) for change in changes.added]
    if changes.removed and not changes.added:
        reasons.append(f"{len(changes.removed)} fewer layers")
    if not reasons:
        reasons.append("configuration" if changes.config else "manifest")
    return ", ".join((f"changed {' and '.join(reasons)}", *moved))


def _reason(change: LayerChange) -> str:
    where = f" of {', '.join(change.platforms)}" if change.platforms else ""
    return f"layer {change.origin or change.digest}{where} ({human_bytes(change.size)})"


def summary(found: Sequence[Row]) -> str:
    """All rows in one line."""
    counts = {outcome: sum(row.outcome == outcome for row in found) for outcome in (PUSHED, TAGGED, UNCHANGED, FAILED)}
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    sent, mounted = sum(row.bytes_sent for row in found), sum(row.bytes_mounted for row in found)
    requests = sum(row.requests for row in found)
    also = f", {human_bytes(mounted)} mounted" if mounted else ""
    references = "1 reference" if len(found) == 1 else f"{len(found)} references"
    return f"{references}: {outcomes}; {human_bytes(sent)} sent{also} in {requests} requests"


class _Costs:
    """Gives each repository's cost to the first row that asks."""

    def __init__(self, plan: Plan, outcomes: Outcomes, surveyed: Mapping[Destination, Cost]) -> None:
        self._costs = dict(surveyed)
        for place, cost in outcomes.costs.items():
            self._costs[place] = self._costs.get(place, _NO_COST) + cost
        self._outcomes = outcomes
        self._sent = _by_place((step.destination, step.blob) for step in plan.uploads)
        self._mounted = {
            place: sum(blob.size for blob in blobs if (place, blob.digest) in outcomes.mounted)
            for place, blobs in _by_place((step.destination, step.blob) for step in plan.mounts).items()
        }

    def added_to(self, request: PushRequest, row: Row) -> Row:
        place = request.destination
        cost = self._costs.pop(place, _NO_COST)
        total = sum(blob.size for blob in request.blobs)
        if row.outcome == UNCHANGED:
            sent, mounted, new = cost.bytes_sent, 0, 0
        else:
            blobs = self._sent.pop(place, ())
            stored = sum(blob.size for blob in blobs if (place, blob.digest) in self._outcomes.stored)
            mounted = self._mounted.pop(place, 0)
            # A directory counts no bytes by itself.
            sent, new = (cost.bytes_sent or stored), stored + mounted
        return replace(
            row,
            bytes_sent=sent,
            bytes_mounted=mounted,
            bytes_present=max(total - new, 0) if row.outcome != FAILED else 0,
            requests=cost.requests,
            seconds=cost.milliseconds / 1000,
        )


def _row(request: PushRequest, tag: str, put: PutManifest | None, refused: Blocked | None, failed: str | None) -> Row:
    outcome: Outcome = UNCHANGED
    error = failed
    if refused:
        outcome, error = FAILED, _refusal(refused)
    elif failed:
        outcome = FAILED
    elif put:
        outcome = TAGGED if put.known else PUSHED
    digest = str(request.manifest.descriptor.digest)
    row = _plain(request.origin, request.destination, tag, digest, outcome)
    return replace(row, error=error, size=request.size)


def _plain(target: str, place: Destination, tag: str, digest: str, outcome: Outcome) -> Row:
    registry, repository = place.registry or LAYOUT_SCHEME, place.path
    if not place.registry:
        repository = place.address[len(LAYOUT_SCHEME) :]
    return Row(target, registry, repository, tag, place.reference(tag), digest, outcome)


def _refusal(step: Blocked) -> str:
    if not step.found:
        return "nothing was uploaded, because another of its tags must not move."
    return (
        f"the tag names {step.found}, and `immutable_tags` forbids moving tags of this registry. "
        "Nothing was uploaded. Use another tag in `image_tags`, or delete the tag in the registry."
    )


def _by_place(items: Iterable[tuple[Destination, Descriptor]]) -> dict[Destination, tuple[Descriptor, ...]]:
    found: dict[Destination, tuple[Descriptor, ...]] = {}
    for place, blob in items:
        found[place] = (*found.get(place, ()), blob)
    return found

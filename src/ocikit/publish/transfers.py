"""How the layers of an image got to their destination."""

from __future__ import annotations

from dataclasses import dataclass

from ocikit.publish.changes import layers
from ocikit.publish.outcome import Outcomes
from ocikit.publish.request import PushRequest
from ocikit.publish.steps import Plan
from ocikit.spec.digest import Digest

SENT, MOUNTED, PRESENT, UNSENT = "sent", "mounted", "present", "unsent"


@dataclass(frozen=True)
class TransferredLayer:
    """A layer of an image, or of the images of an index.

    `digest`: of the compressed blob. `size`: compressed bytes. `origin`: the target that it is from, if known.
    `platforms`: the images of an index that have it. `transfer`: `sent`, `mounted`, `present` (it existed before), or
    `unsent` (it was not stored).
    """

    digest: str
    size: int
    origin: str
    platforms: tuple[str, ...]
    transfer: str


class Transfers:
    """The transfers of the images of a plan. For a dry run, pass `dry_run_outcomes(plan)` as `outcomes`."""

    def __init__(self, plan: Plan, outcomes: Outcomes) -> None:
        self._planned = {(step.destination, step.blob.digest) for step in plan.uploads}
        self._planned |= {(step.destination, step.blob.digest) for step in plan.mounts}
        self._refused = {(step.origin, step.destination) for step in plan.refused}
        self._outcomes = outcomes

    def layers(self, request: PushRequest) -> tuple[TransferredLayer, ...]:
        return tuple(
            TransferredLayer(
                layer.digest, layer.size, layer.origin, layer.platforms, self._transfer(request, layer.digest)
            )
            for layer in layers(request)
        )

    def _transfer(self, request: PushRequest, digest: str) -> str:
        place = request.destination
        blob = place, Digest.parse(digest)
        if blob in self._outcomes.mounted:
            return MOUNTED
        if blob in self._outcomes.stored:
            return SENT
        refused = (request.origin, place) in self._refused
        return UNSENT if refused or blob in self._planned else PRESENT

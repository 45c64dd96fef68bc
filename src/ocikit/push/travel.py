"""How the layers of an image got to their destination."""

from __future__ import annotations

from dataclasses import dataclass

from ocikit.digest import Digest
from ocikit.push.changes import layers
from ocikit.push.outcome import Outcomes
from ocikit.push.steps import Plan
from ocikit.push.wanted import PushRequest

SENT, MOUNTED, PRESENT, UNSENT = "sent", "mounted", "present", "unsent"


@dataclass(frozen=True)
class Layer:
    """A layer of an image, or of the images of an index.

    `digest`: of the compressed blob. `size`: compressed bytes. `origin`: the target that it is from, if known.
    `platforms`: the images of an index that have it. `travel`: `sent`, `mounted`, `present` (it existed before), or
    `unsent` (it was not stored).
    """

    digest: str
    size: int
    origin: str
    platforms: tuple[str, ...]
    travel: str


class Travels:
    """The transfers of the images of a plan. For a dry run, pass `foreseen(plan)` as `outcomes`."""

    def __init__(self, plan: Plan, outcomes: Outcomes) -> None:
        self._planned = {(step.destination, step.blob.digest) for step in plan.uploads}
        self._planned |= {(step.destination, step.blob.digest) for step in plan.mounts}
        self._refused = {(step.origin, step.destination) for step in plan.refused}
        self._outcomes = outcomes

    def layers(self, request: PushRequest) -> tuple[Layer, ...]:
        return tuple(
            Layer(layer.digest, layer.size, layer.origin, layer.platforms, self._travel(request, layer.digest))
            for layer in layers(request)
        )

    def _travel(self, request: PushRequest, digest: str) -> str:
        place = request.destination
        blob = place, Digest.parse(digest)
        if blob in self._outcomes.mounted:
            return MOUNTED
        if blob in self._outcomes.stored:
            return SENT
        refused = (request.origin, place) in self._refused
        return UNSENT if refused or blob in self._planned else PRESENT

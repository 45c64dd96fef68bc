"""Store the manifests of a plan and move its tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

from ocikit.digest import Digest
from ocikit.errors import OcikitError
from ocikit.manifest import Manifest
from ocikit.push.plan import PutManifest
from ocikit.push.wanted import Destination
from ocikit.store import Store


def commit(
    steps: Sequence[PutManifest],
    open_store: Callable[[Destination], Store],
    manifests: Mapping[Digest, Manifest],
) -> tuple[tuple[PutManifest, OcikitError], ...]:
    """Carry the steps out in order; returns the failures, one does not stop the others."""
    failures = []
    for step in steps:
        try:
            store = open_store(step.destination)
            store.push_manifest(manifests[step.manifest.digest], step.tag)
        except OcikitError as error:
            failures.append((step, error))
    return tuple(failures)

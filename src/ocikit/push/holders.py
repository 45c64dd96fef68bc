"""Where this machine stored large blobs: the next run may mount them from there.

A run knows what is in the repositories that it publishes to. A service that is published by itself would send again
what another one sent the day before. What is remembered may be out of date and is never relied on: it only says which
repository is worth a question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ocikit import canonical_json
from ocikit.descriptor import Descriptor
from ocikit.errors import InvalidContent
from ocikit.push.outcome import Outcomes
from ocikit.push.wanted import Destination, PushRequest

# Smaller ones are sent as fast as they are asked about.
SMALLEST_BYTES = 64 * 1024
# Of all registries together, the newest: about a megabyte in a file.
MOST = 10_000

# A repository by registry (host[:port]) and the text of a blob's digest.
Holders = Mapping[tuple[str, str], Destination]


def holder(holders: Holders, place: Destination, blob: Descriptor) -> Destination | None:
    """Another repository of the same registry that may have the blob."""
    found = holders.get((place.registry or "", str(blob.digest)))
    return None if found == place else found


def with_stored(holders: Holders, wanted: Iterable[PushRequest], outcomes: Outcomes) -> Holders:
    """What to remember after a run."""
    found = dict(holders)
    for request in wanted:
        place = request.destination
        for blob in request.blobs:
            key = (place.registry or "", str(blob.digest))
            if place.registry and blob.size >= SMALLEST_BYTES and (place, blob.digest) in outcomes.stored:
                found.pop(key, None)
                found[key] = place
    return dict(list(found.items())[-MOST:])


def holders_to_json(holders: Holders) -> bytes:
    rows = [[digest, place.address] for (_, digest), place in holders.items()]
    return canonical_json.dumps({"stored": rows})


def holders_from_json(data: bytes) -> Holders:
    """Raises InvalidContent."""
    rows = canonical_json.loads_object(data, "where blobs were stored before", max_size=None).get("stored")
    try:
        found = [(str(digest), Destination(str(address))) for digest, address in rows or ()]
    except (TypeError, ValueError):
        raise InvalidContent("where blobs were stored before: wanted rows of a digest and a repository.") from None
    return {(place.registry or "", digest): place for digest, place in found}

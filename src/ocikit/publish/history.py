"""The repositories where this machine stored large blobs: the next run may mount from them.

A run knows the content only of the repositories that it publishes to. Without this memory, a service that is published
by itself would upload again what another one uploaded the day before. The memory may be out of date and is never relied
on: it only says which repository to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ocikit.errors import InvalidContent
from ocikit.publish.outcome import Outcomes
from ocikit.publish.request import Destination, PushRequest
from ocikit.spec import canonical_json
from ocikit.spec.descriptor import Descriptor

# Uploading a smaller blob is as fast as asking for it.
SMALLEST_BYTES = 64 * 1024
# The newest of all registries together: about a megabyte in a file.
MOST = 10_000

# A repository by registry (host[:port]) and the text of a blob's digest.
History = Mapping[tuple[str, str], Destination]


def holder(history: History, place: Destination, blob: Descriptor) -> Destination | None:
    """Another repository of the same registry that may have the blob."""
    found = history.get((place.registry or "", str(blob.digest)))
    return None if found == place else found


def with_stored(history: History, requests: Iterable[PushRequest], outcomes: Outcomes) -> History:
    """The repositories to remember after a run."""
    found = dict(history)
    for request in requests:
        place = request.destination
        for blob in request.blobs:
            key = (place.registry or "", str(blob.digest))
            if place.registry and blob.size >= SMALLEST_BYTES and (place, blob.digest) in outcomes.stored:
                found.pop(key, None)
                found[key] = place
    return dict(list(found.items())[-MOST:])


def history_to_json(history: History) -> bytes:
    rows = [[digest, place.address] for (_, digest), place in history.items()]
    return canonical_json.dumps({"stored": rows})


def history_from_json(data: bytes) -> History:
    """Read what `history_to_json` writes; raises InvalidContent."""
    rows = canonical_json.loads_object(data, "the memory of stored blobs", max_size=None).get("stored")
    try:
        found = [(str(digest), Destination(str(address))) for digest, address in rows or ()]
    except (TypeError, ValueError):
        raise InvalidContent("the memory of stored blobs: expected rows of a digest and a repository.") from None
    return {(place.registry or "", digest): place for digest, place in found}

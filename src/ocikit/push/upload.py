"""Send the blobs of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from ocikit.digest import Digest
from ocikit.errors import OcikitError
from ocikit.push.plan import Upload
from ocikit.push.wanted import Destination
from ocikit.store import Opener, Store

CONCURRENCY = 4


def upload(
    steps: Sequence[Upload],
    open_store: Callable[[Destination], Store],
    open_blob: Callable[[Digest], Opener],
) -> dict[Upload, OcikitError]:
    """Carry the steps out, some at a time; returns the failures, one does not stop the others."""

    def send(step: Upload) -> None:
        open_store(step.destination).push_blob(step.blob, open_blob(step.blob.digest))

    failures: dict[Upload, OcikitError] = {}
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for step, future in [(step, pool.submit(send, step)) for step in steps]:
            try:
                future.result()
            except OcikitError as error:
                failures[step] = error
    return failures

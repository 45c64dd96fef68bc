"""Sources of blobs: a folder, or the registries of bases.

A blob of a base is streamed from its registry to the destination, without a copy on the disk of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from ocikit.publish.request import Destination
from ocikit.publish.steps import Plan
from ocikit.publish.stores import Stores
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.store.store import Opener


class BlobSources:
    """Opens the blobs of `plan` from `folder`, or else from `bases`, the repository by digest.

    `reading` opens the stores of bases, `writing` those of destinations: a blob that was streamed to a layout is copied
    from there to other destinations. May be shared by threads.
    """

    def __init__(
        self, folder: str, plan: Plan, bases: Mapping[str, Destination], reading: Stores, writing: Stores
    ) -> None:
        self._folder = folder
        self._bases = bases
        self._reading = reading
        self._writing = writing
        uploaded = {step.blob.digest: step.blob for step in plan.uploads}
        self._blobs = {**uploaded, **{step.blob.digest: step.blob for step in plan.mounts}}
        self._layouts = tuple(dict.fromkeys(s.destination for s in plan.uploads if s.destination.registry is None))
        # A blob that only layouts need is streamed to one at a time, and the next one copies it from there. A registry
        # would not wait: its upload has begun already when the blob is opened.
        to_registries = {step.blob.digest for step in plan.uploads if step.destination.registry}
        self._locks = {digest: Lock() for digest in self._blobs if digest not in to_registries and self._layouts}

    def opener(self, digest: Digest) -> Opener | None:
        """A function that opens a blob; None if its bytes are not available."""
        path = Path(self._folder, digest.algorithm, digest.hex)
        if path.exists():
            return partial(_open_file, path)
        base = self._bases.get(str(digest))
        return partial(self._stream, self._blobs[digest], base) if base else None

    @contextmanager
    def _stream(self, blob: Descriptor, base: Destination) -> Iterator[BinaryIO]:
        with self._locks.get(blob.digest, nullcontext()), self._nearest(blob, base) as stream:
            yield stream

    def _nearest(self, blob: Descriptor, base: Destination) -> AbstractContextManager[BinaryIO]:
        for place in self._layouts:
            layout = self._writing(place)
            if layout.has_blob(blob):
                return layout.open_blob(blob)
        if base.registry:
            self._reading.meter.streams(base.registry, blob.digest)
        return self._reading(base).open_blob(blob)


def _open_file(path: Path) -> AbstractContextManager[BinaryIO]:
    return path.open("rb")

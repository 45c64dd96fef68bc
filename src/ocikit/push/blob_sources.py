"""Where the bytes of blobs are: in a folder, or, those of bases, in the registries that these are in.

What is in a registry is streamed from there to where it is wanted, and is never on the disk of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.push.steps import Plan
from ocikit.push.stores import Stores
from ocikit.push.wanted import Destination
from ocikit.store import Opener


class BlobSources:
    """Opens the blobs of `plan`: those in `folder`, else those in `bases`, the repository by digest.

    `reading` opens the stores of bases, `writing` those that are written to: what was streamed to a directory of
    layouts is copied from there to the others. May be shared by threads.
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
        # What only directories want is streamed to one at a time, and found near by by the next. A registry would not
        # wait: it is being sent the blob already when the blob is opened.
        impatient = {step.blob.digest for step in plan.uploads if step.destination.registry}
        self._locks = {digest: Lock() for digest in self._blobs if digest not in impatient and self._layouts}

    def opener(self, digest: Digest) -> Opener | None:
        """How to open a blob; None where its bytes are not at hand."""
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

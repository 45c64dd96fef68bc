"""The rows of a report, grouped by image: one image in one repository with all its tags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ocikit.publish.changes import LayerChange
from ocikit.publish.report import FAILED, PUSHED, SKIPPED, TAGGED, UNCHANGED, Row
from ocikit.publish.transfers import TransferredLayer
from ocikit.units import human_bytes

# If the tags of an image have different outcomes, the first of these is shown for the image.
OUTCOMES = (FAILED, PUSHED, TAGGED, SKIPPED, UNCHANGED)


@dataclass(frozen=True)
class Image:
    """One image in one repository; a row for each of its tags, at least one."""

    rows: tuple[Row, ...]

    @cached_property
    def row(self) -> Row:
        """The row that is shown for the image: the first by `OUTCOMES`."""
        return min(self.rows, key=lambda row: OUTCOMES.index(row.outcome))

    @property
    def place(self) -> str:
        return self.row.reference[: -len(self.row.tag) - 1]

    @property
    def errors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.error for row in self.rows if row.error))

    @property
    def is_first(self) -> bool:
        """Whether the tag named no image before."""
        return self.row.changes.previous is None

    @cached_property
    def layers(self) -> tuple[TransferredLayer, ...]:
        """The layers without duplicates."""
        return tuple({layer.digest: layer for layer in reversed(self.row.layers)}.values())[::-1]

    @cached_property
    def new(self) -> frozenset[str]:
        """The digests of layers that the tag's previous image did not have."""
        return frozenset() if self.is_first else frozenset(change.digest for change in self.row.changes.added)

    @cached_property
    def removed(self) -> tuple[LayerChange, ...]:
        """The layers that only the tag's previous image had."""
        own = {layer.digest for layer in self.row.layers}
        gone = {change.digest: change for change in self.row.changes.removed if change.digest not in own}
        return tuple(gone.values())

    def total(self, what: str) -> int:
        """The sum of a number that is reported once per repository."""
        return sum(int(getattr(row, what)) for row in self.rows)

    def why(self) -> str:
        """A sentence that describes the change."""
        changes = self.row.changes
        if self.row.outcome == TAGGED:
            return "The image was already present; only the tag is new."
        if not changes.previous:
            return "New: the tag named no image before."
        if changes.previous_size is None:
            return "Changed. The image that the tag named before could not be read."
        added = sum(layer.size for layer in self.layers if layer.digest in self.new)
        gone = sum(layer.size for layer in self.removed)
        reasons = [
            f"{_layers(len(self.new))} new ({human_bytes(added)})" if self.new else "",
            f"{_layers(len(self.removed))} removed ({human_bytes(gone)})" if self.removed else "",
            "the configuration differs" if changes.config else "",
        ]
        text = ", ".join(filter(None, reasons)) or "only the manifest differs"
        return f"{text[0].upper()}{text[1:]}."


def images(rows: Iterable[Row]) -> tuple[Image, ...]:
    """The images of a run, in the order of its rows."""
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.target, row.registry, row.repository, row.digest), []).append(row)
    return tuple(Image(tuple(of_one)) for of_one in found.values())


def _layers(count: int) -> str:
    return "1 layer is" if count == 1 else f"{count} layers are"

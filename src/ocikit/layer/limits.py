"""Limits for layers that others made.

A hostile layer is small when stored and large when read. `Limits` has the limits that a legitimate image could reach;
options change them (`[oci].max_layer_files`, `[oci].max_layer_expansion`). The other limits are constants, because no
image that an engine runs comes near them: those of headers are in `ocikit.layer.tar_reader`, those of zstd in
`ocikit.layer.compression`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput

# Any layer may expand to this size, even if few bytes were received: a file of zeros, for instance.
FREE_BYTES = 64 * 1024 * 1024
# Represents the work of a gzip member or a zstd frame, which may be empty and shorter than 20 bytes.
FRAME_BYTES = 16 * 1024
# Average bytes of path and link target per file. Real images have about 100.
NAME_BYTES = 128


@dataclass(frozen=True)
class Limits:
    """How much is read of layers. Raises InvalidInput unless both are positive.

    `files` is the number of entries of all layers that are listed together. `expansion` is the number of bytes that one
    compressed byte may become; a layer may always expand to 64 MiB.
    """

    files: int = 350_000
    expansion: int = 200

    def __post_init__(self) -> None:
        for name, value in (("files", self.files), ("expansion", self.expansion)):
            if value < 1:
                raise InvalidInput(
                    f"`[oci].max_layer_{name}` (--max-layer-{name} of ocikit) is {value}; expected 1 or more."
                )

    def to_json(self) -> dict[str, int]:
        """A JSON object with both numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Limits:
        """Read what `to_json` writes; a number that is missing has its default. Raises InvalidInput."""
        return cls(**document)


DEFAULT_LIMITS = Limits()


class LimitExceeded(InvalidContent):
    """A layer that exceeds `Limits`. It may be correct; the text names the limit to raise."""


class FileCount:
    """Counts the files that are listed, in one layer or in several, against `Limits.files`."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self.files, self.name_bytes = 0, 0

    def add(self, path: str, target: str) -> None:
        """Count a file; `target` is the text of a link, or empty. Raises LimitExceeded."""
        self.add_many(1, _memory(path) + _memory(target))

    def add_many(self, files: int, name_bytes: int) -> None:
        """Count `files`, whose paths and targets have `name_bytes` together. Raises LimitExceeded."""
        self.files += files
        self.name_bytes += name_bytes
        limit = self._limits.files
        if self.files > limit:
            raise LimitExceeded(f"the layers have more than {limit:,} files. {_advice('max_layer_files', limit)}")
        if self.name_bytes > NAME_BYTES * limit:
            raise LimitExceeded(
                f"the names of the files have more than {NAME_BYTES * limit:,} bytes, {NAME_BYTES} for each allowed "
                f"file. {_advice('max_layer_files', limit)}"
            )


class Expansion:
    """Compares the size of a decompressed stream with the bytes received.

    `received`: their number if it is known before, such as the size of the archive that contains a layer.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, received: int | None = None) -> None:
        self._limits = limits
        self._is_known = received is not None
        self._received, self._expanded = received or 0, 0

    def receive(self, size: int) -> None:
        if not self._is_known:
            self._received += size

    def expand(self, size: int) -> None:
        """Count decompressed bytes; raises LimitExceeded."""
        self._expanded += size
        factor = self._limits.expansion
        if self._expanded > FREE_BYTES + factor * self._received:
            raise LimitExceeded(
                f"{self._received:,} bytes expand to more than {FREE_BYTES + factor * self._received:,}: the limit "
                f"is 64 MiB plus {factor} times the received bytes. {_advice('max_layer_expansion', factor)}"
            )


def _memory(name: str) -> int:
    """Bytes that Python needs for a name: up to four per character if one of them is not ASCII."""
    return len(name) if name.isascii() else 4 * len(name)


def _advice(option: str, value: int) -> str:
    return (
        f"If you trust the image, raise `[oci].{option}` (--{option.replace('_', '-')} of ocikit), which is {value:,}."
    )

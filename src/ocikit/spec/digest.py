"""Content digests: `sha256:` and 64 hex digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

from ocikit.errors import InvalidContent, InvalidInput

# image-spec v1.1.1, descriptor.md#digests: the two registered algorithms.
_HEX_LENGTHS: Mapping[str, int] = MappingProxyType({"sha256": 64, "sha512": 128})
# For all content that we name ourselves.
DEFAULT_ALGORITHM = "sha256"
_HEX = re.compile(r"[a-f0-9]+")

CHUNK_SIZE = 1024 * 1024


@dataclass(frozen=True, order=True)
class Digest:
    """A content digest: `algorithm` is "sha256" or "sha512", `hex` has 64 or 128 lower-case digits.

    Raises InvalidInput for others. Spec: image-spec v1.1.1, descriptor.md#digests. `str(Digest.parse(text)) == text`.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        length = _HEX_LENGTHS.get(self.algorithm)
        if length is None:
            raise InvalidInput(f'"{self}" is not a digest: the algorithm must be one of {", ".join(_HEX_LENGTHS)}.')
        if len(self.hex) != length or not _HEX.fullmatch(self.hex):
            raise InvalidInput(f'"{self}" is not a digest: {self.algorithm} needs {length} lower-case hex digits.')

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `algorithm:hex`; raises InvalidInput."""
        algorithm, colon, hex_digits = text.partition(":")
        if not colon:
            raise InvalidInput(f'"{text}" is not a digest: expected "sha256:" and 64 hex digits.')
        return cls(algorithm, hex_digits)

    @classmethod
    def of(cls, data: bytes, algorithm: str = DEFAULT_ALGORITHM) -> Digest:
        """Compute the digest of `data`."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def verified(stream: BinaryIO, digest: Digest, size: int, what: str) -> Iterator[bytes]:
    """Yield the chunks of `stream`; raise InvalidContent unless they are `size` bytes with this digest.

    A wrong digest is found after the last chunk: until then, do not trust the content. `what` names the content in the
    error. A chunk has up to 1 MiB, and one is in memory. Reading stops at the first chunk beyond `size`.
    """
    hasher = hashlib.new(digest.algorithm)
    found = 0
    while True:
        chunk = stream.read(CHUNK_SIZE)
        if not chunk:
            break
        found += len(chunk)
        if found > size:
            raise InvalidContent(f"{what}: expected {size} bytes, got more.")
        hasher.update(chunk)
        yield chunk
    if found != size:
        raise InvalidContent(f"{what}: expected {size} bytes, got {found}.")
    if hasher.hexdigest() != digest.hex:
        raise InvalidContent(f"{what}: expected {digest}, got {digest.algorithm}:{hasher.hexdigest()}.")

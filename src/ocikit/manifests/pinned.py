"""The references by digest among the values of a rendered file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ocikit.errors import InvalidInput
from ocikit.manifests.scalar import Scalar
from ocikit.spec.reference import Reference

# With a "/": a rendered reference always has a registry, and "1.0@sha256:…" is a tag without its name.
_PINNED = re.compile(r"[^\s@/]+/[^\s@]+@sha256:[0-9a-f]{64}")


def pinned_references(scalars: Iterable[Scalar]) -> Iterator[str]:
    """Yield each value that is a whole reference with a digest, once, in the order of the text."""
    values = dict.fromkeys(scalar.value for scalar in scalars if not scalar.is_key)
    return (value for value in values if _PINNED.fullmatch(value) and _is_reference(value))


def _is_reference(value: str) -> bool:
    try:
        Reference.parse(value)
    except InvalidInput:
        return False
    return True

"""Descriptors: how one document names another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import schema
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.whole_number import MAX_INT64

# RFC 6838 section 4.2.
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_NOTHING: Mapping[str, str] = MappingProxyType({})
DESCRIPTOR = schema.members(
    ("mediaType", "digest", "size"),
    mediaType=schema.TEXT,
    digest=schema.TEXT,
    size=schema.SIZE,
    annotations=schema.TEXT_MAP,
    platform=schema.members(os=schema.TEXT, architecture=schema.TEXT, variant=schema.TEXT),
)


@dataclass(frozen=True)
class Descriptor:
    """Media type, digest and size of a blob, manifest or index. `size` is in bytes, as stored: of a layer, compressed.

    Raises InvalidInput for an invalid media type or size. Spec: image-spec v1.1.1, descriptor.md.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)
    platform: Platform | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotations", MappingProxyType(dict(self.annotations)))
        if not 0 <= self.size <= MAX_INT64:
            raise InvalidInput(f"a descriptor's size must be from 0 to {MAX_INT64}, got {self.size}.")
        if not _MEDIA_TYPE.fullmatch(self.media_type):
            raise InvalidInput(f'"{self.media_type}" is not a media type.')

    def annotated(self, **annotations: str) -> Descriptor:
        """A copy with `annotations` in place of its own."""
        return replace(self, annotations=annotations)

    def plain(self) -> Descriptor:
        """A copy without annotations and platform."""
        return Descriptor(self.media_type, self.digest, self.size)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of a manifest or an index."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.platform:
            document["platform"] = self.platform.to_json()
        return document

    @classmethod
    def from_json(cls, document: Any) -> Descriptor:
        """Read what `to_json` writes; unknown keys are ignored. Raises InvalidContent."""
        schema.check(document, DESCRIPTOR, "not a descriptor")
        platform = document.get("platform")
        try:
            return cls(
                document["mediaType"],
                Digest.parse(document["digest"]),
                document["size"],
                document.get("annotations") or _NOTHING,
                Platform.from_json(platform) if platform else None,
            )
        except InvalidInput as error:
            raise InvalidContent(f"not a descriptor: {error}") from None

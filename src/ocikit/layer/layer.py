"""A built layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec.config import History
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest


@dataclass(frozen=True)
class Layer:
    """A layer: the descriptor of its blob, the digest of its uncompressed tar, and its line of history.

    Spec: image-spec v1.1.1, config.md#layer-diffid.
    """

    descriptor: Descriptor
    diff_id: Digest
    history: History

    def to_json(self) -> dict[str, Any]:
        """A JSON object; of the history it has `created_by` only."""
        return {
            "descriptor": self.descriptor.to_json(),
            "diff_id": str(self.diff_id),
            "created_by": self.history.created_by,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Layer:
        """Read what `to_json` writes. Raises InvalidContent."""
        try:
            return cls(
                Descriptor.from_json(document["descriptor"]),
                Digest.parse(document["diff_id"]),
                History(str(document["created_by"])),
            )
        except (KeyError, TypeError, AttributeError, InvalidInput) as error:
            raise InvalidContent(f"not a layer ({error!r}): {document!r:.200}") from None

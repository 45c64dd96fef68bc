"""What building on a base asks for, and what it gets."""

from __future__ import annotations

from dataclasses import dataclass, field

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest
from pants.util.frozendict import FrozenDict

import ocikit
from pants_oci.targets.base_field_set import BaseFieldSet


@dataclass(frozen=True)
class BaseRequest(EngineAwareParameter):
    """The image of an `oci_base` for one platform."""

    field_set: BaseFieldSet
    platform: ocikit.Platform

    def debug_hint(self) -> str:
        return f"{self.field_set.address} [{self.platform}]"


@dataclass(frozen=True)
class BaseImage:
    """A base image, with its layers at `blobs/sha256/<hex>`, or only in its registry if it is `remote`.

    `annotations`: how images that are built on it describe it.
    """

    image: ocikit.Image
    blobs: Digest
    remote: bool = False
    annotations: FrozenDict[str, str] = field(default_factory=FrozenDict)

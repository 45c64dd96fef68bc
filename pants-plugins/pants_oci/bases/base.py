"""Base images: an image layout or an archive in the repository, or an image in a registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import EMPTY_DIGEST, Digest
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from pants_oci.bases.archived_base import ArchivedBaseRequest, call_archived_base
from pants_oci.bases.layout_base import LayoutBaseRequest, call_layout_base
from pants_oci.bases.registry_base import RegistryBaseRequest, call_registry_base
from pants_oci.compat import by_name
from pants_oci.errors import OciTargetError
from pants_oci.targets.base_field_set import BaseFieldSet

__all__ = ["BaseFieldSet", "BaseImage", "BaseRequest", "call_base_image", "rules"]


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


@rule(desc="Read a base image", level=LogLevel.DEBUG)
async def base_image(request: BaseRequest) -> BaseImage:
    field_set, platform = request.field_set, request.platform
    if field_set.declared and not any(platform.runs(known) for known in field_set.declared):
        raise OciTargetError(
            field_set.address,
            f'expected one of its `platforms` ({", ".join(map(str, field_set.declared))}), got "{platform}".',
        )
    if field_set.path.is_archive:
        archived = await call_archived_base(ArchivedBaseRequest(field_set, platform))
        return BaseImage(archived.image, archived.blobs)
    if field_set.path.value:
        layout = await call_layout_base(LayoutBaseRequest(field_set, platform))
        return BaseImage(layout.image, layout.blobs)
    if field_set.image.value:
        found = await call_registry_base(RegistryBaseRequest(field_set, platform))
        return BaseImage(found.image, EMPTY_DIGEST, remote=True, annotations=found.annotations)
    raise OciTargetError(field_set.address, "an `oci_base` needs an `image` in a registry or a `path`.")


call_base_image = by_name(base_image, BaseImage, BaseRequest)


def rules() -> Iterable[object]:
    return collect_rules()

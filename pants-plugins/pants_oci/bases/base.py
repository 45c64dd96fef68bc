"""Base images: an image layout or an archive in the repository, or an image in a registry."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.bases.archived_base import archived_base
from pants_oci.bases.base_image import BaseImage, BaseRequest
from pants_oci.bases.layout_base import layout_base
from pants_oci.bases.registry_base import registry_base
from pants_oci.compat import by_name
from pants_oci.errors import OciTargetError
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.base_field_set import BaseFieldSet

__all__ = ["BaseFieldSet", "BaseImage", "BaseRequest", "call_base_image", "rules"]


@rule(desc="Read a base image", level=LogLevel.DEBUG)
async def base_image(request: BaseRequest, oci: OciSubsystem) -> BaseImage:
    field_set, platform = request.field_set, request.platform
    if field_set.declared and not any(platform.runs(known) for known in field_set.declared):
        raise OciTargetError(
            field_set.address,
            f'expected one of its `platforms` ({", ".join(map(str, field_set.declared))}), got "{platform}".',
        )
    if field_set.path.is_archive:
        return await archived_base(request, oci)
    if field_set.path.value:
        return await layout_base(request)
    if field_set.image.value:
        return await registry_base(request, oci)
    raise OciTargetError(field_set.address, "an `oci_base` needs an `image` in a registry or a `path`.")


call_base_image = by_name(base_image, BaseImage, BaseRequest)


def rules() -> Iterable[object]:
    return collect_rules()

"""The images that an image is built on, and the `oci_base` below them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

from pants_oci.bases.base import BaseFieldSet
from pants_oci.compat import (
    by_name,
    implicitly,
    targets_of,
)
from pants_oci.errors import OciTargetError, describe_type
from pants_oci.target_addresses import BaseAddressRequest, call_base_address
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.image import (
    OciImageTarget,
)
from pants_oci.targets.image_field_set import ImageFieldSet


@dataclass(frozen=True)
class BaseChainRequest:
    """Find what an `oci_image` is built on."""

    field_set: ImageFieldSet


@dataclass(frozen=True)
class BaseChain:
    """An image and those it is built on, the lowest first, and the `oci_base` below them all."""

    images: tuple[ImageFieldSet, ...]
    base: BaseFieldSet | None


@rule(desc="Find what an OCI image is built on", level=LogLevel.DEBUG)
async def find_base_chain(request: BaseChainRequest) -> BaseChain:
    images = [request.field_set]
    while True:
        above = images[0]
        base = await call_base_address(base_of(above))
        targets = await targets_of(**implicitly({base.addresses: Addresses}))
        if not targets:
            return BaseChain(tuple(images), None)
        if isinstance(targets[0], OciBaseTarget):
            return BaseChain(tuple(images), BaseFieldSet.create(targets[0]))
        _check_other_bases(above.address, targets[0], images)
        images.insert(0, ImageFieldSet.create(targets[0]))


call_base_chain = by_name(find_base_chain, BaseChain, BaseChainRequest)


def base_of(field_set: ImageFieldSet) -> BaseAddressRequest:
    """The request for the target that the `base` field names, if any."""
    return BaseAddressRequest(field_set.address, field_set.base.value, field_set.platform.value)


def _check_other_bases(owner: Address, base: Target, above: Iterable[ImageFieldSet]) -> None:
    if not isinstance(base, OciImageTarget):
        raise OciTargetError(
            owner,
            f"the `base` {base.address} is {describe_type(base)}, which is not an image; "
            f"name an `{OciBaseTarget.alias}` or an `{OciImageTarget.alias}`.",
        )
    if any(base.address == field_set.address for field_set in above):
        raise OciTargetError(owner, f"the `base` {base.address} is built on this image itself.")


def rules() -> Iterable[object]:
    return collect_rules()

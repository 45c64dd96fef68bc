"""Build an index from images of several platforms, without a process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior
from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import by_name, concurrently, implicitly, targets_of
from pants_oci.debug_hints import OfFieldSet
from pants_oci.errors import OciTargetError, describe_type, errors_of
from pants_oci.images.image import BuiltImage, ImageRequest, call_image
from pants_oci.target_addresses import NamedTargetsRequest, call_named_targets
from pants_oci.targets.image import OciImageTarget, OciPackageFormatField
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.index import (
    OciIndexAnnotationsField,
    OciIndexDependenciesField,
    OciIndexImagesField,
)


@dataclass(frozen=True)
class IndexFieldSet(RunFieldSet):
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED
    required_fields = (OciIndexImagesField,)

    dependencies: OciIndexDependenciesField
    images: OciIndexImagesField
    annotations: OciIndexAnnotationsField
    package_format: OciPackageFormatField
    output_path: OutputPathField


@dataclass(frozen=True)
class IndexRequest(OfFieldSet):
    """Build the index of an `oci_index`, and its images."""

    field_set: IndexFieldSet


@dataclass(frozen=True)
class BuiltIndex:
    """An index and its images, in the order of the index."""

    index: ocikit.ImageIndex
    images: tuple[BuiltImage, ...]


@rule(desc="Build an OCI index", level=LogLevel.DEBUG)
async def build_index(request: IndexRequest) -> BuiltIndex:
    field_set = request.field_set
    found = await call_named_targets(
        NamedTargetsRequest(field_set.address, OciIndexImagesField.alias, field_set.images.value)
    )
    _check_twice(field_set.address, found.addresses)
    targets = await targets_of(**implicitly(Addresses(found.addresses)))
    _check_other_images(field_set.address, targets)
    built = await concurrently(call_image(ImageRequest(ImageFieldSet.create(target))) for target in targets)
    with errors_of(field_set.address):
        index = ocikit.build_index(
            {str(target.address): one.image for target, one in zip(targets, built)},
            field_set.annotations.value or {},
        )
    by_digest = {one.image.digest: one for one in built}
    return BuiltIndex(index, tuple(by_digest[child.digest] for child in index.manifests))


call_index = by_name(build_index, BuiltIndex, IndexRequest)


def _check_twice(owner: Address, images: tuple[Address, ...]) -> None:
    for number, address in enumerate(images):
        if address in images[:number]:
            raise OciTargetError(owner, f"`{OciIndexImagesField.alias}` lists {address} twice; list each image once.")


def _check_other_images(owner: Address, targets: Iterable[Target]) -> None:
    for target in targets:
        if not isinstance(target, OciImageTarget):
            raise OciTargetError(
                owner,
                f"{target.address} in `{OciIndexImagesField.alias}` is {describe_type(target)}; "
                f"list `{OciImageTarget.alias}` targets there.",
            )


def rules() -> Iterable[object]:
    return collect_rules()

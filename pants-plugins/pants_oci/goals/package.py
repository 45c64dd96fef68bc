"""`pants package`: write images and indexes as a layout or an archive, and pushes as a few lines of JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, OutputPathField, PackageFieldSet
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

import ocikit
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.image_layout import blob_path
from pants_oci.compat import (
    EnvironmentField,
    add_prefix,
    by_name,
    concurrently,
    create_digest,
    implicitly,
    merge_digests,
    targets_of,
)
from pants_oci.debug_hints import OfAddress
from pants_oci.errors import OciTargetError
from pants_oci.goals.package_deployment import call_package_deployment
from pants_oci.goals.packaged import Packaged
from pants_oci.images.blobs import ImageBlobsRequest, call_image_blobs
from pants_oci.images.image import ImageRequest, call_image
from pants_oci.images.index import IndexFieldSet, IndexRequest, call_index
from pants_oci.publish.mode import RunMode
from pants_oci.publish.push import PushFieldSet, ResolvedPush, ResolvedPushRequest, call_resolved_push
from pants_oci.sandbox.image_layout import layout_documents, local_name
from pants_oci.sandbox.process import OcikitProcess, call_ocikit
from pants_oci.subsystem import OciSubsystem, PackageFormat
from pants_oci.targets.deployment_field_set import DeploymentFieldSet
from pants_oci.targets.image import OciPackageFormatField
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.packaged import OciPackagedDependenciesField


@dataclass(frozen=True)
class _WriteRequest(OfAddress):
    """Write the image or index that `described` names, with all its `blobs`."""

    address: Address
    output_path: OutputPathField
    format: OciPackageFormatField
    described: ocikit.Descriptor
    blobs: Digest


@rule(desc="Write an OCI image to disk", level=LogLevel.DEBUG)
async def write_package(request: _WriteRequest, oci: OciSubsystem) -> Packaged:
    digest = request.described.digest
    lines = (f"  {digest}",)
    own = request.format.value
    if (PackageFormat(own) if own else oci.package_format) is PackageFormat.LAYOUT:
        documents = await create_digest(CreateDigest(layout_documents(request.described)))
        layout = await merge_digests(MergeDigests((request.blobs, documents)))
        path = request.output_path.value_or_default(file_ending=None)
        written = await add_prefix(AddPrefix(layout, path))
        return Packaged(BuiltPackage(written, (BuiltPackageArtifact(path, lines),)))
    inputs = await add_prefix(AddPrefix(request.blobs, protocol.INPUT))
    path = request.output_path.value_or_default(file_ending="tar")
    document = {"digest": str(digest), "name": f"{local_name(request.address)}:latest", "output": path}
    output = await call_ocikit(
        OcikitProcess(
            protocol.ARCHIVE,
            canonical_json.dumps(document),
            inputs,
            f"Write the archive of {request.address}",
            output_files=(path,),
            here=True,
        )
    )
    return Packaged(BuiltPackage(output.digest, (BuiltPackageArtifact(path, lines),)))


_call_write = by_name(write_package, Packaged, _WriteRequest)


@rule(desc="Package an OCI image", level=LogLevel.DEBUG)
async def package_image(field_set: ImageFieldSet) -> Packaged:
    built = await call_image(ImageRequest(field_set))
    blobs = await call_image_blobs(ImageBlobsRequest(built))
    described = replace(built.image.manifest.descriptor, platform=built.image.platform)
    return await _call_write(
        _WriteRequest(field_set.address, field_set.output_path, field_set.package_format, described, blobs.digest)
    )


_call_package_image = by_name(package_image, Packaged, ImageFieldSet)


@rule(desc="Package an OCI index", level=LogLevel.DEBUG)
async def package_index(field_set: IndexFieldSet) -> Packaged:
    built = await call_index(IndexRequest(field_set))
    blobs = await concurrently(call_image_blobs(ImageBlobsRequest(image)) for image in built.images)
    described = built.index.descriptor
    path = blob_path(described.digest)
    document = await create_digest(CreateDigest([FileContent(path, built.index.data)]))
    merged = await merge_digests(MergeDigests((document, *(found.digest for found in blobs))))
    return await _call_write(
        _WriteRequest(field_set.address, field_set.output_path, field_set.package_format, described, merged)
    )


_call_package_index = by_name(package_index, Packaged, IndexFieldSet)


@rule(desc="Package an OCI push", level=LogLevel.DEBUG)
async def package_push(field_set: PushFieldSet, mode: RunMode) -> Packaged:
    if mode.problem:
        raise OciTargetError(field_set.address, mode.problem)
    requested = await call_resolved_push(ResolvedPushRequest(field_set))
    address = field_set.address
    # The name that `OutputPathField` gives the output of a parametrized target.
    name = f"{address.target_name}{address.parameters_repr.replace('.', '_')}.oci-push.json"
    path = os.path.join(address.spec_path.replace("/", "."), name)
    digest = await create_digest(CreateDigest([FileContent(path, _push_document(requested))]))
    return Packaged(BuiltPackage(digest, (BuiltPackageArtifact(path),)))


_call_package_push = by_name(package_push, Packaged, PushFieldSet)


@dataclass(frozen=True)
class PackagedFieldSet(PackageFieldSet):
    """Of all that `package` writes, of whatever kind: docs/architecture.md tells what each other one would cost."""

    required_fields = (OciPackagedDependenciesField,)

    environment: EnvironmentField


@rule(desc="Package an OCI target", level=LogLevel.TRACE)
async def package_target(field_set: PackagedFieldSet) -> BuiltPackage:
    (target,) = await targets_of(**implicitly(Addresses([field_set.address])))
    if ImageFieldSet.is_applicable(target):
        packaged = await _call_package_image(ImageFieldSet.create(target))
    elif IndexFieldSet.is_applicable(target):
        packaged = await _call_package_index(IndexFieldSet.create(target))
    elif PushFieldSet.is_applicable(target):
        packaged = await _call_package_push(PushFieldSet.create(target))
    else:
        packaged = await call_package_deployment(DeploymentFieldSet.create(target))
    return packaged.package


def _push_document(requested: ResolvedPush) -> bytes:
    """The references and the digest, for scripts of users."""
    return canonical_json.dumps(
        {
            "digest": str(requested.digest),
            "references": [
                request.destination.reference(tag)
                for request in (*requested.requests, *requested.skipped)
                for tag in request.tags
            ],
        }
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, PackagedFieldSet))

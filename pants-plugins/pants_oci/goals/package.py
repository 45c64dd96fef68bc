"""`pants package`: images to disk as a layout or an archive, pushes as a few lines of JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.engine.fs import AddPrefix, CreateDigest, FileContent, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import add_prefix, create_digest, merge_digests
from pants_oci.steps.image import ImageFieldSet, ImageRequest, call_image
from pants_oci.steps.image_blobs import ImageBlobsRequest, call_image_blobs
from pants_oci.steps.layout import layout_documents, local_name
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY, OcikitProcess, call_ocikit
from pants_oci.steps.wanted import PushFieldSet, Wanted, WantedRequest, call_wanted
from pants_oci.subsystem import OciSubsystem, PackageFormat


@rule(desc="Package an OCI image", level=LogLevel.DEBUG)
async def package_image(field_set: ImageFieldSet, oci: OciSubsystem) -> BuiltPackage:
    built = await call_image(ImageRequest(field_set))
    blobs = await call_image_blobs(ImageBlobsRequest(built))
    lines = (f"  {built.image.digest}",)
    if package_format(field_set, oci) is PackageFormat.LAYOUT:
        described = replace(built.image.manifest.descriptor, platform=built.image.platform)
        documents = await create_digest(CreateDigest(layout_documents(described)))
        layout = await merge_digests(MergeDigests((blobs.digest, documents)))
        path = field_set.output_path.value_or_default(file_ending=None)
        digest = await add_prefix(AddPrefix(layout, path))
        return BuiltPackage(digest, (BuiltPackageArtifact(path, lines),))
    inputs = await add_prefix(AddPrefix(blobs.digest, INPUT_DIRECTORY))
    path = field_set.output_path.value_or_default(file_ending="tar")
    request = {
        "digest": str(built.image.digest),
        "name": f"{local_name(field_set.address)}:latest",
        "output": path,
    }
    output = await call_ocikit(
        OcikitProcess(
            "archive",
            ocikit.canonical_json.dumps(request),
            inputs,
            f"Write the archive of {field_set.address}",
            output_files=(path,),
        )
    )
    return BuiltPackage(output.digest, (BuiltPackageArtifact(path, lines),))


@rule(desc="Package an OCI push", level=LogLevel.DEBUG)
async def package_push(field_set: PushFieldSet) -> BuiltPackage:
    wanted = await call_wanted(WantedRequest(field_set))
    address = field_set.address
    path = os.path.join(address.spec_path.replace("/", "."), f"{address.target_name}.oci-push.json")
    digest = await create_digest(CreateDigest([FileContent(path, _push_document(wanted))]))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


def package_format(field_set: ImageFieldSet, oci: OciSubsystem) -> PackageFormat:
    """What to write: the target decides, or the option."""
    own = field_set.package_format.value
    return PackageFormat(own) if own else oci.package_format


def _push_document(wanted: Wanted) -> bytes:
    """References and digest, for the scripts of people."""
    return ocikit.canonical_json.dumps(
        {
            "digest": str(wanted.image.image.digest),
            "references": [
                request.destination.reference(tag)
                for request in (*wanted.requests, *wanted.skipped)
                for tag in request.tags
            ],
        }
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(PackageFieldSet, ImageFieldSet),
        UnionRule(PackageFieldSet, PushFieldSet),
    )

"""A base image from an archive in the repository: a process unpacks and verifies the selected image."""

from __future__ import annotations

from pants.engine.fs import CreateDigest, DigestSubset, FileEntry, PathGlobs
from pants.engine.target import HydrateSourcesRequest

import ocikit
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.bases.base_image import BaseImage, BaseRequest
from pants_oci.compat import (
    create_digest,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    hydrate_sources,
    implicitly,
)
from pants_oci.errors import OciTargetError, error_context, errors_of
from pants_oci.sandbox.image_layout import blobs_of
from pants_oci.sandbox.process import OcikitProcess, call_try_ocikit
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.base import OciBasePathField


async def archived_base(request: BaseRequest, oci: OciSubsystem) -> BaseImage:
    """Read the image of an `oci_base` whose `path` is an archive."""
    field_set = request.field_set
    path = f'the `{OciBasePathField.alias}` "{field_set.path.value}"'
    sources = await hydrate_sources(HydrateSourcesRequest(field_set.path), **implicitly())
    entries = await get_digest_entries(sources.snapshot.digest)
    files = [entry for entry in entries if isinstance(entry, FileEntry)]
    if not files:
        raise OciTargetError(
            field_set.address,
            f"{path} is not an archive: the file does not exist, or Pants does not see it because Git ignores it.",
        )
    # The name is fixed, so renaming the archive does not change the process.
    inputs = await create_digest(CreateDigest([FileEntry(protocol.ARCHIVE_FILE, files[0].file_digest)]))
    with errors_of(field_set.address), error_context("[oci].compression"):
        compression = ocikit.Compression.parse(oci.compression)
    requested = {
        "platform": str(request.platform),
        "digest": field_set.digest.value,
        "compression": str(compression),
        # The limit on files does not apply: no files are listed.
        "limits": {"expansion": oci.layer_limits.expansion},
    }
    output = await call_try_ocikit(
        OcikitProcess(
            protocol.ARCHIVED_BASE,
            canonical_json.dumps(requested),
            inputs,
            f"Unpack {field_set.address} for {request.platform}",
        )
    )
    if output.problem:
        raise OciTargetError(field_set.address, f"{path} cannot be built on: {output.problem}")
    documents = await digest_subset_to_digest(
        DigestSubset(output.digest, PathGlobs([protocol.MANIFEST_FILE, protocol.CONFIG_FILE])),
    )
    contents = {content.path: content.content for content in await get_digest_contents(documents)}
    manifest = ocikit.parse_manifest(contents[protocol.MANIFEST_FILE])
    assert isinstance(manifest, ocikit.Manifest)
    blobs = await create_digest(blobs_of(manifest.layers))
    return BaseImage(ocikit.Image(manifest, ocikit.ImageConfig.parse(contents[protocol.CONFIG_FILE])), blobs)

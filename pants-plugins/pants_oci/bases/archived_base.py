"""A base image from an archive in the repository: a process unpacks and verifies the selected image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileEntry, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.engine.target import HydrateSourcesRequest
from pants.util.logging import LogLevel

import ocikit
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import (
    by_name,
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
from pants_oci.targets.base_field_set import BaseFieldSet


@dataclass(frozen=True)
class ArchivedBaseRequest(EngineAwareParameter):
    """The image of an `oci_base` whose `path` is an archive, for one platform."""

    field_set: BaseFieldSet
    platform: ocikit.Platform

    def debug_hint(self) -> str:
        return f"{self.field_set.address} [{self.platform}]"


@dataclass(frozen=True)
class ArchivedBase:
    """An image, and its layers at `blobs/sha256/<hex>`."""

    image: ocikit.Image
    blobs: Digest


@rule(desc="Read a base image from an archive", level=LogLevel.DEBUG)
async def archived_base(request: ArchivedBaseRequest, oci: OciSubsystem) -> ArchivedBase:
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
    return ArchivedBase(ocikit.Image(manifest, ocikit.ImageConfig.parse(contents[protocol.CONFIG_FILE])), blobs)


call_archived_base = by_name(archived_base, ArchivedBase, ArchivedBaseRequest)


def rules() -> Iterable[object]:
    return collect_rules()

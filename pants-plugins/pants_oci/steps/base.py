"""An image layout in the repository becomes a base: its documents are read, its blobs are verified and left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, DigestSubset, FileEntry, PathGlobs, RemovePrefix
from pants.engine.rules import collect_rules, rule
from pants.engine.target import FieldSet, HydrateSourcesRequest
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import (
    by_name,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    hydrate_sources,
    implicitly,
    remove_prefix,
)
from pants_oci.errors import OciTargetError, blamed_on
from pants_oci.targets.base import (
    OciBaseDigestField,
    OciBaseImageField,
    OciBasePathField,
    OciBasePlatformsField,
)
from pants_oci.targets.python import OciPythonField

_INDEX_FILE = "index.json"
_LAYOUT_FILE = "oci-layout"
_BLOBS_DIRECTORY = "blobs/sha256"
# A manifest or config above this is not one; the distribution specification asks registries for 4 MiB.
_LARGEST_DOCUMENT = 4 * 1024 * 1024


@dataclass(frozen=True)
class BaseFieldSet(FieldSet):
    required_fields = (OciBasePathField, OciBaseImageField)

    path: OciBasePathField
    image: OciBaseImageField
    digest: OciBaseDigestField
    platforms: OciBasePlatformsField
    python: OciPythonField


@dataclass(frozen=True)
class BaseRequest(EngineAwareParameter):
    """The image of an `oci_base` for one platform."""

    field_set: BaseFieldSet
    platform: ocikit.Platform

    def debug_hint(self) -> str:
        return f"{self.field_set.address} [{self.platform}]"


@dataclass(frozen=True)
class BaseImage:
    """An image to build on, and its layers at `blobs/sha256/<hex>`."""

    image: ocikit.Image
    blobs: Digest


@rule(desc="Read a base image", level=LogLevel.DEBUG)
async def base_image(request: BaseRequest) -> BaseImage:
    field_set = request.field_set
    _check(request)
    sources = await hydrate_sources(HydrateSourcesRequest(field_set.path), **implicitly())
    prefix = "/".join(filter(None, (field_set.address.spec_path, field_set.path.value)))
    layout = await remove_prefix(RemovePrefix(sources.snapshot.digest, prefix))
    entries = await get_digest_entries(layout)
    sizes = {entry.path: entry.file_digest.serialized_bytes_length for entry in entries if isinstance(entry, FileEntry)}
    small = [path for path, size in sizes.items() if size <= _LARGEST_DOCUMENT]
    # Bases have few small blobs; every manifest of a layout is among them.
    documents = await digest_subset_to_digest(DigestSubset(layout, PathGlobs(small)))
    contents = await get_digest_contents(documents)
    with blamed_on(field_set.address):
        files = {content.path: content.content for content in contents}
        image = _select(files, request)
    for blob in image.manifest.layers:
        _check_blob(blob, {e.path: e for e in entries if isinstance(e, FileEntry)}, field_set)
    blobs = await digest_subset_to_digest(
        DigestSubset(layout, PathGlobs([_blob_path(b.digest) for b in image.manifest.layers]))
    )
    return BaseImage(image, blobs)


call_base_image = by_name(base_image, BaseImage, BaseRequest)


def _check(request: BaseRequest) -> None:
    field_set, platform = request.field_set, request.platform
    if not field_set.path.value:
        raise OciTargetError(
            field_set.address,
            "bases in registries cannot be built on yet: copy "
            f'"{field_set.image.value}" to an OCI image layout in the repository '
            "(`python -m ocikit copy` or `skopeo copy`), and name its directory in `path`."
            if field_set.image.value
            else "an `oci_base` needs a `path`.",
        )
    declared = [ocikit.Platform.parse(text) for text in field_set.platforms.value or ()]
    if declared and not any(platform.runs(known) for known in declared):
        raise OciTargetError(
            field_set.address,
            f'wanted for platform "{platform}", but its `platforms` are {", ".join(str(known) for known in declared)}.',
        )


def _select(files: Mapping[str, bytes], request: BaseRequest) -> ocikit.Image:
    """The layout's image for the platform; raises ocikit's errors."""
    missing = [name for name in (_LAYOUT_FILE, _INDEX_FILE) if name not in files]
    if missing:
        found = (
            f"it has no {missing[0]} file" if files else "there is no such directory, or nothing that Pants sees in it"
        )
        raise ocikit.InvalidContent(
            f'the `{OciBasePathField.alias}` "{request.field_set.path.value}" is no OCI image layout: {found}.'
        )
    document = ocikit.parse_manifest(files[_INDEX_FILE], ocikit.media_type.OCI_INDEX)
    wanted = request.field_set.digest.value
    if wanted:
        document = _named(files, ocikit.Digest.parse(wanted), document)
    while isinstance(document, ocikit.ImageIndex):
        chosen = _only_or_matching(document, request.platform)
        document = ocikit.parse_manifest(_blob(files, chosen.digest), chosen.media_type)
    config = ocikit.ImageConfig.parse(_blob(files, document.config.digest))
    return ocikit.Image(document, config)


def _named(
    files: Mapping[str, bytes], wanted: ocikit.Digest, index: ocikit.Manifest | ocikit.ImageIndex
) -> ocikit.Manifest | ocikit.ImageIndex:
    if _blob_path(wanted) not in files:
        there = ", ".join(str(manifest.digest) for manifest in getattr(index, "manifests", ())) or "none"
        raise ocikit.InvalidInput(
            f"the `{OciBaseDigestField.alias}` {wanted} names no image of the layout; there are: {there}."
        )
    return ocikit.parse_manifest(_blob(files, wanted))


def _only_or_matching(index: ocikit.ImageIndex, platform: ocikit.Platform) -> ocikit.Descriptor:
    if len(index.manifests) == 1:
        return index.manifests[0]
    if not any(manifest.platform for manifest in index.manifests):
        raise ocikit.InvalidInput(
            f"the layout has {len(index.manifests)} images and does not say for which platforms; "
            "name one of them in `digest`: "
            f"{', '.join(str(manifest.digest) for manifest in index.manifests)}."
        )
    return index.select(platform)


def _blob(files: Mapping[str, bytes], digest: ocikit.Digest) -> bytes:
    data = files.get(_blob_path(digest))
    if data is None:
        raise ocikit.InvalidContent(f"the layout has no blob {digest}. Copy the base again.")
    if ocikit.Digest.of(data) != digest:
        raise ocikit.InvalidContent(
            f"the layout's blob {digest} is corrupt: its content has the digest "
            f"{ocikit.Digest.of(data)}. Copy the base again."
        )
    return data


def _check_blob(blob: ocikit.Descriptor, files: Mapping[str, FileEntry], field_set: BaseFieldSet) -> None:
    """Pants names files by the same SHA-256 as OCI does: nothing has to be read to verify a layer."""
    entry = files.get(_blob_path(blob.digest))
    if entry is None:
        raise OciTargetError(
            field_set.address,
            f"the layout has no blob {blob.digest}, which is a layer of its image. Copy the base again.",
        )
    if entry.file_digest.fingerprint != blob.digest.hex:
        raise OciTargetError(
            field_set.address,
            f"the layout's blob {blob.digest} is corrupt: its content has the digest "
            f"sha256:{entry.file_digest.fingerprint}. Copy the base again.",
        )


def _blob_path(digest: ocikit.Digest) -> str:
    return f"{_BLOBS_DIRECTORY}/{digest.hex}"


def rules() -> Iterable[object]:
    return collect_rules()

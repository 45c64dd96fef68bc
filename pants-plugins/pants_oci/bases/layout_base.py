"""A base image from an image layout in the repository: its documents are read, its blobs are only verified."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pants.engine.fs import DigestSubset, FileEntry, PathGlobs, RemovePrefix
from pants.engine.target import HydrateSourcesRequest

import ocikit
from ocikit.image.base import check_names
from ocikit.image.select import choose_from_layout
from ocikit.spec.image_layout import INDEX_FILE, LAYOUT_FILE, blob_path
from pants_oci.bases.base_image import BaseImage, BaseRequest
from pants_oci.compat import (
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    hydrate_sources,
    implicitly,
    remove_prefix,
)
from pants_oci.errors import OciTargetError, errors_of
from pants_oci.targets.base import ARCHIVE_ENDINGS, OciBasePathField
from pants_oci.targets.base_field_set import BaseFieldSet

# Larger files are not manifests or configs: distribution-spec asks registries to accept 4 MiB.
_LARGEST_DOCUMENT = 4 * 1024 * 1024
# These names go into globs. Others could contain special characters.
_DOCUMENT = re.compile(rf"{re.escape(INDEX_FILE)}|{re.escape(LAYOUT_FILE)}|blobs/[a-z0-9]+/[a-f0-9]+")


async def layout_base(request: BaseRequest) -> BaseImage:
    """Read the image of an `oci_base` whose `path` is an image layout."""
    field_set = request.field_set
    sources = await hydrate_sources(HydrateSourcesRequest(field_set.path), **implicitly())
    prefix = "/".join(filter(None, (field_set.address.spec_path, field_set.path.value)))
    layout = await remove_prefix(RemovePrefix(sources.snapshot.digest, prefix))
    entries = await get_digest_entries(layout)
    sizes = {entry.path: entry.file_digest.serialized_bytes_length for entry in entries if isinstance(entry, FileEntry)}
    small = [path for path, size in sizes.items() if size <= _LARGEST_DOCUMENT and _DOCUMENT.fullmatch(path)]
    # Every manifest of a layout is among the small blobs, and bases have few of these.
    documents = await digest_subset_to_digest(DigestSubset(layout, PathGlobs(small)))
    contents = await get_digest_contents(documents)
    with errors_of(field_set.address):
        files = {content.path: content.content for content in contents}
        image = _select(files, request, is_empty=not sizes)
        check_names(image.manifest)
    for blob in image.manifest.layers:
        _check_blob(blob, {e.path: e for e in entries if isinstance(e, FileEntry)}, field_set)
    blobs = await digest_subset_to_digest(
        DigestSubset(layout, PathGlobs([blob_path(b.digest) for b in image.manifest.layers]))
    )
    return BaseImage(image, blobs)


def _select(files: Mapping[str, bytes], request: BaseRequest, *, is_empty: bool) -> ocikit.Image:
    """Select the layout's image for the platform. Raises ocikit's errors."""
    missing = [name for name in (LAYOUT_FILE, INDEX_FILE) if name not in files]
    if missing:
        found = (
            f"it has no {missing[0]} file"
            if not is_empty
            else "the directory does not exist, or Pants sees no files in it; names of archives end in "
            f"{', '.join(ARCHIVE_ENDINGS)}"
        )
        raise ocikit.InvalidContent(
            f'the `{OciBasePathField.alias}` "{request.field_set.path.value}" is not an OCI image layout: {found}.'
        )
    digest = request.field_set.digest.value
    return choose_from_layout(files.get, request.platform, ocikit.Digest.parse(digest) if digest else None, "layout")


def _check_blob(blob: ocikit.Descriptor, files: Mapping[str, FileEntry], field_set: BaseFieldSet) -> None:
    """Raise OciTargetError if the layer is missing or corrupt.

    Pants identifies files by SHA-256, as OCI does, so the layer need not be read.
    """
    entry = files.get(blob_path(blob.digest))
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

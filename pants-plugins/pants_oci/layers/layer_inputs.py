"""Turn a dependency into a part of a layer: the artifacts of a package, or the sources of a target."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage, EnvironmentAwarePackageRequest, PackageFieldSet
from pants.core.target_types import ArchiveFieldSet, FileSourceField, ResourceSourceField
from pants.core.util_rules.archive import MaybeExtractArchiveRequest
from pants.core.util_rules.source_files import SourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    Digest,
    DigestEntries,
    DigestSubset,
    FileEntry,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    SymlinkEntry,
)
from pants.engine.rules import collect_rules, rule
from pants.engine.target import SourcesField, Target
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import (
    by_name,
    concurrently,
    determine_source_files,
    digest_subset_to_digest,
    environment_aware_package,
    get_digest_entries,
    implicitly,
    maybe_extract_archive,
    merge_digests,
    remove_prefix,
    strip_source_roots,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.errors import OciTargetError


@dataclass(frozen=True)
class LayerInput:
    """Files that belong together: a package, or a target's sources.

    The paths in `files` and `sources` are relative to the `directory` they will be put in. `size`: bytes, if known.
    """

    origin: Address
    files: Digest
    sources: tuple[ocikit.Source, ...]
    size: int | None = None


@dataclass(frozen=True)
class PackageInputRequest(OfFieldSet):
    """Build a package and lay its artifacts out side by side."""

    field_set: PackageFieldSet
    owner: Address


@dataclass(frozen=True)
class LooseInputRequest(EngineAwareParameter):
    """Gather the sources of one `file`, `resource` or `relocated_files` target. `unpack`: extract an archive."""

    target: Target
    unpack: bool = False

    def debug_hint(self) -> str:
        return str(self.target.address)


@dataclass(frozen=True)
class ArtifactRequest:
    """Extract one artifact from a package, without its parent directories."""

    package: Digest
    relpath: str


@dataclass(frozen=True)
class Artifact:
    """A file or directory at the root of `digest`."""

    digest: Digest


@rule(desc="Extract an artifact for an OCI image", level=LogLevel.TRACE)
async def take_artifact(request: ArtifactRequest) -> Artifact:
    globs = PathGlobs([request.relpath, f"{request.relpath}/**"])
    subset = await digest_subset_to_digest(DigestSubset(request.package, globs))
    digest = await remove_prefix(RemovePrefix(subset, os.path.dirname(request.relpath)))
    return Artifact(digest)


call_take_artifact = by_name(take_artifact, Artifact, ArtifactRequest)


@rule(desc="Build a package for an OCI image", level=LogLevel.DEBUG)
async def package_part(request: PackageInputRequest) -> LayerInput:
    package = await environment_aware_package(EnvironmentAwarePackageRequest(request.field_set))
    if isinstance(request.field_set, ArchiveFieldSet):
        extracted = await maybe_extract_archive(MaybeExtractArchiveRequest(package.digest), **implicitly())
        files = extracted.digest
    else:
        artifacts = await concurrently(
            call_take_artifact(ArtifactRequest(package.digest, relpath)) for relpath in _relpaths(package, request)
        )
        files = await merge_digests(MergeDigests(artifact.digest for artifact in artifacts))
    entries = await get_digest_entries(files)
    return _part(request.field_set.address, files, entries)


call_package_input = by_name(package_part, LayerInput, PackageInputRequest)


@rule(desc="Gather files for an OCI image", level=LogLevel.TRACE)
async def loose_part(request: LooseInputRequest) -> LayerInput:
    target = request.target
    sources_request = SourceFilesRequest(
        [target[SourcesField]],
        for_sources_types=(FileSourceField, ResourceSourceField),
        enable_codegen=True,
    )
    if target.has_field(ResourceSourceField):
        stripped = await strip_source_roots(**implicitly({sources_request: SourceFilesRequest}))
        digest = stripped.snapshot.digest
    else:
        source_files = await determine_source_files(sources_request)
        digest = source_files.snapshot.digest
    if request.unpack:
        extracted = await maybe_extract_archive(MaybeExtractArchiveRequest(digest), **implicitly())
        digest = extracted.digest
    entries = await get_digest_entries(digest)
    return _part(target.address, digest, entries)


call_loose_input = by_name(loose_part, LayerInput, LooseInputRequest)


def _relpaths(package: BuiltPackage, request: PackageInputRequest) -> tuple[str, ...]:
    found = tuple(artifact.relpath for artifact in package.artifacts if artifact.relpath)
    if not found or len({os.path.basename(path) for path in found}) < len(found):
        what = f"two files with the same name ({', '.join(found)})" if found else "no files"
        raise OciTargetError(
            request.owner,
            f"the dependency {request.field_set.address} cannot be put into an image, because it builds {what}.",
        )
    return found


def _part(origin: Address, files: Digest, entries: DigestEntries) -> LayerInput:
    size = sum(entry.file_digest.serialized_bytes_length for entry in entries if isinstance(entry, FileEntry))
    return LayerInput(origin, files, tuple(_source(entry, str(origin)) for entry in entries), size)


def _source(entry: object, origin: str) -> ocikit.Source:
    if isinstance(entry, FileEntry):
        return ocikit.Source(
            entry.path,
            origin,
            executable=entry.is_executable,
            content=entry.file_digest.fingerprint,
        )
    if isinstance(entry, SymlinkEntry):
        return ocikit.Source(entry.path, origin, kind="symlink", target=entry.target)
    path: str | None = getattr(entry, "path", None)
    return ocikit.Source(path or "", origin, kind="directory")


def rules() -> Iterable[object]:
    return collect_rules()

"""What the dependencies of an image or layer bring in: files, and where each comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
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
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    FieldSetsPerTargetRequest,
    SourcesField,
    Target,
)
from pants.util.logging import LogLevel

import ocikit
from pants_oci.compat import (
    by_name,
    concurrently,
    dependencies_of,
    determine_source_files,
    digest_subset_to_digest,
    environment_aware_package,
    find_valid_field_sets,
    get_digest_entries,
    implicitly,
    maybe_extract_archive,
    merge_digests,
    remove_prefix,
    strip_source_roots,
)
from pants_oci.errors import OciTargetError
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.layer import OciLayerTarget
from pants_oci.targets.push import OciPushTarget

_RELOCATED_FILES_ALIAS = "relocated_files"
_OWN_TARGETS = (OciBaseTarget, OciImageTarget, OciLayerTarget, OciPushTarget)


@dataclass(frozen=True)
class ContentsRequest(EngineAwareParameter):
    """Gather what `dependencies` bring in; `inferred` are those that another field means."""

    dependencies: Dependencies
    inferred: tuple[Address, ...] = ()

    @property
    def owner(self) -> Address:
        return self.dependencies.address

    def debug_hint(self) -> str:
        return str(self.owner)


@dataclass(frozen=True)
class Part:
    """Files that belong together: a package, or a target's sources.

    The paths in `files` are relative to the `directory` they will be put in, as those of `sources` are.
    """

    origin: Address
    files: Digest
    sources: tuple[ocikit.Source, ...]


@dataclass(frozen=True)
class Contents:
    """What goes in: each package by itself, and all loose files; both sorted by address."""

    packages: tuple[Part, ...]
    loose: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.packages, *self.loose)


@dataclass(frozen=True)
class PackagePartRequest(EngineAwareParameter):
    """Build a package and lay its artifacts out side by side."""

    field_set: PackageFieldSet
    owner: Address

    def debug_hint(self) -> str:
        return str(self.field_set.address)


@dataclass(frozen=True)
class LoosePartRequest(EngineAwareParameter):
    """Gather the sources of one `file`, `resource` or `relocated_files` target."""

    target: Target

    def debug_hint(self) -> str:
        return str(self.target.address)


@dataclass(frozen=True)
class ArtifactRequest:
    """Take one artifact out of a package, without the directories it lies in."""

    package: Digest
    relpath: str


@dataclass(frozen=True)
class Artifact:
    """A file or directory that lies at the root of `digest`."""

    digest: Digest


@rule(desc="Take an artifact for an OCI image", level=LogLevel.TRACE)
async def take_artifact(request: ArtifactRequest) -> Artifact:
    globs = PathGlobs([request.relpath, f"{request.relpath}/**"])
    subset = await digest_subset_to_digest(DigestSubset(request.package, globs))
    digest = await remove_prefix(RemovePrefix(subset, os.path.dirname(request.relpath)))
    return Artifact(digest)


call_take_artifact = by_name(take_artifact, Artifact, ArtifactRequest)


@rule(desc="Build a package for an OCI image", level=LogLevel.DEBUG)
async def package_part(request: PackagePartRequest) -> Part:
    package = await environment_aware_package(EnvironmentAwarePackageRequest(request.field_set))
    if isinstance(request.field_set, ArchiveFieldSet):
        extracted = await maybe_extract_archive(MaybeExtractArchiveRequest(package.digest))
        files = extracted.digest
    else:
        artifacts = await concurrently(
            call_take_artifact(ArtifactRequest(package.digest, relpath)) for relpath in _relpaths(package, request)
        )
        files = await merge_digests(MergeDigests(artifact.digest for artifact in artifacts))
    entries = await get_digest_entries(files)
    return Part(request.field_set.address, files, _sources(entries, request.field_set.address))


call_package_part = by_name(package_part, Part, PackagePartRequest)


@rule(desc="Gather files for an OCI image", level=LogLevel.TRACE)
async def loose_part(request: LoosePartRequest) -> Part:
    target = request.target
    sources_request = SourceFilesRequest(
        [target[SourcesField]],
        for_sources_types=(FileSourceField, ResourceSourceField),
        enable_codegen=True,
    )
    if target.has_field(ResourceSourceField):
        stripped = await strip_source_roots(**implicitly(sources_request))
        digest = stripped.snapshot.digest
    else:
        source_files = await determine_source_files(sources_request)
        digest = source_files.snapshot.digest
    entries = await get_digest_entries(digest)
    return Part(target.address, digest, _sources(entries, target.address))


call_loose_part = by_name(loose_part, Part, LoosePartRequest)


@rule(desc="Gather the contents of an OCI image", level=LogLevel.DEBUG)
async def gather_contents(request: ContentsRequest) -> Contents:
    packages: list[PackageFieldSet] = []
    loose: list[Target] = []
    seen = set(request.inferred)
    waiting = await dependencies_of(**implicitly(DependenciesRequest(request.dependencies)))
    direct = True
    while waiting:
        found = [target for target in waiting if target.address not in seen]
        seen.update(target.address for target in found)
        field_sets = await find_valid_field_sets(FieldSetsPerTargetRequest(PackageFieldSet, found), **implicitly())
        deeper: list[Target] = []
        for target, packageable in zip(found, field_sets.collection):
            if packageable and not isinstance(target, _OWN_TARGETS):
                packages.append(packageable[0])
            elif _is_loose(target):
                loose.append(target)
            elif direct:
                _refuse_if_useless(target, request.owner)
            if not packageable and target.alias != _RELOCATED_FILES_ALIAS:
                deeper.append(target)
        levels = await concurrently(
            dependencies_of(**implicitly(DependenciesRequest(target.get(Dependencies)))) for target in deeper
        )
        waiting = [target for level in levels for target in level]
        direct = False

    built = await concurrently(
        call_package_part(PackagePartRequest(field_set, request.owner))
        for field_set in sorted(packages, key=lambda field_set: field_set.address)
    )
    gathered = await concurrently(
        call_loose_part(LoosePartRequest(target)) for target in sorted(loose, key=lambda target: target.address)
    )
    return Contents(tuple(built), tuple(gathered))


call_contents = by_name(gather_contents, Contents, ContentsRequest)


def _is_loose(target: Target) -> bool:
    return (
        target.has_field(FileSourceField)
        or target.has_field(ResourceSourceField)
        or target.alias == _RELOCATED_FILES_ALIAS
    )


def _refuse_if_useless(target: Target, owner: Address) -> None:
    if isinstance(target, _OWN_TARGETS):
        instead = {
            OciBaseTarget: "name it in `base`",
            OciImageTarget: "name it in `base` to build on it",
            OciLayerTarget: "list it in `layers`",
            OciPushTarget: "an `oci_push` holds no files",
        }[type(target)]
        raise OciTargetError(
            owner,
            f"the dependency {target.address} is an `{target.alias}`, which cannot be put into a layer; {instead}.",
        )
    if target.has_field(SourcesField):
        raise OciTargetError(
            owner,
            f"the dependency {target.address} is a `{target.alias}`, which is neither a file nor "
            "anything that `package` builds; depend on something that packages it "
            "(for Python a `pex_binary`), or on a `file` or `resource`.",
        )


def _relpaths(package: BuiltPackage, request: PackagePartRequest) -> tuple[str, ...]:
    found = tuple(artifact.relpath for artifact in package.artifacts if artifact.relpath)
    if not found:
        raise OciTargetError(
            request.owner,
            f"the dependency {request.field_set.address} builds no file that could be put into an image.",
        )
    return found


def _sources(entries: DigestEntries, origin: Address) -> tuple[ocikit.Source, ...]:
    return tuple(_source(entry, str(origin)) for entry in entries)


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

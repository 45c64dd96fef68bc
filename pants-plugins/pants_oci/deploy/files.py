"""The files of an `oci_deployment`: its sources, the files copied next to them, and their common folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pants.core.target_types import FileSourceField, GenericTarget, RelocatedFilesSourcesField
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Dependencies, DependenciesRequest, HydrateSourcesRequest, Target
from pants.util.logging import LogLevel

from pants_oci.compat import (
    by_name,
    concurrently,
    dependencies_of,
    digest_subset_to_digest,
    hydrate_sources,
    implicitly,
    merge_digests,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.deploy.committed_text import common_folder, is_build_file
from pants_oci.errors import OciTargetError, describe_type
from pants_oci.layers.layer_inputs import LooseInputRequest, call_loose_input
from pants_oci.targets.deployment_field_set import DeploymentFieldSet
from pants_oci.targets.push import OciPushTarget


@dataclass(frozen=True)
class DeploymentFilesRequest(OfFieldSet):
    """Gather the files of a deployment as they are in the repository, without building images."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class DeploymentFiles:
    """Paths are relative to the build root. `copied`: the files of `dependencies`; `folder` contains all files."""

    sources: Digest
    source_paths: tuple[str, ...]
    copied: Digest
    copied_paths: tuple[str, ...]
    folder: str

    @property
    def names(self) -> tuple[str, ...]:
        """All paths, relative to the folder, sorted."""
        return tuple(sorted(map(self.name, {*self.source_paths, *self.copied_paths})))

    def name(self, path: str) -> str:
        return path[len(self.folder) + 1 :] if self.folder else path


@rule(desc="Gather the files of an OCI deployment", level=LogLevel.DEBUG)
async def deployment_files(request: DeploymentFilesRequest) -> DeploymentFiles:
    field_set = request.field_set
    sources = await hydrate_sources(HydrateSourcesRequest(field_set.sources), **implicitly())
    if not sources.snapshot.files:
        globs = ", ".join(field_set.sources.value or ())
        raise OciTargetError(field_set.address, f"no files match its `{field_set.sources.alias}`: {globs}.")
    waiting: Sequence[Target] = await dependencies_of(**implicitly(DependenciesRequest(field_set.dependencies)))
    loose: dict[Address, Target] = {}
    seen: set[Address] = set()
    direct = True
    while waiting:
        found = [target for target in waiting if target.address not in seen and not isinstance(target, OciPushTarget)]
        seen.update(target.address for target in found)
        for target in found:
            if target.has_field(FileSourceField) or target.has_field(RelocatedFilesSourcesField):
                loose[target.address] = target
            elif direct and not isinstance(target, GenericTarget):
                raise OciTargetError(
                    field_set.address,
                    f"the dependency {target.address} is {describe_type(target)}; a deployment takes `file`, `files` "
                    "and `relocated_files`, which are copied next to its sources. Name images in the sources.",
                )
        levels = await concurrently(
            dependencies_of(**implicitly(DependenciesRequest(target.get(Dependencies))))
            for target in found
            if not target.has_field(RelocatedFilesSourcesField)
        )
        waiting = [target for level in levels for target in level]
        direct = False
    parts = await concurrently(call_loose_input(LooseInputRequest(target)) for _, target in sorted(loose.items()))
    source_paths = sources.snapshot.files
    found_paths = {source.path for part in parts for source in part.sources}
    # A glob of `files` may also match the sources, which are rendered instead.
    copied_paths = tuple(sorted(path for path in found_paths.difference(source_paths) if not is_build_file(path)))
    merged = await merge_digests(MergeDigests(part.files for part in parts))
    copied = await digest_subset_to_digest(DigestSubset(merged, PathGlobs(copied_paths)))
    folder = common_folder(field_set.address.spec_path, (*source_paths, *copied_paths))
    return DeploymentFiles(sources.snapshot.digest, source_paths, copied, copied_paths, folder)


call_deployment_files = by_name(deployment_files, DeploymentFiles, DeploymentFilesRequest)


def rules() -> Iterable[object]:
    return collect_rules()

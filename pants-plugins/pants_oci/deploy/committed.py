"""The committed files of an `oci_deployment`, read without building anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest, DigestSubset, PathGlobs, RemovePrefix
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.compat import (
    by_name,
    digest_subset_to_digest,
    get_digest_entries,
    path_globs_to_digest,
    remove_prefix,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.deploy.committed_text import rendered_folder, within
from pants_oci.deploy.files import DeploymentFilesRequest, call_deployment_files
from pants_oci.errors import OciTargetError, error_context, errors_of
from pants_oci.targets.deployment import OciDeploymentRenderedDirField, OciDeploymentSourcesField
from pants_oci.targets.deployment_field_set import DeploymentFieldSet


@dataclass(frozen=True)
class CommittedFolderRequest(OfFieldSet):
    """Read the folder that `rendered_dir` names."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class CommittedFolder:
    """`path` is relative to the build root, and the paths in `digest` are relative to `path`."""

    path: str
    digest: Digest


@rule(desc="Read committed manifests", level=LogLevel.DEBUG)
async def committed_folder(request: CommittedFolderRequest) -> CommittedFolder:
    field_set = request.field_set
    field = OciDeploymentRenderedDirField.alias
    address = field_set.address
    if field_set.rendered_dir.value is None:
        raise OciTargetError(address, f"the field `{field}` is not set; set it to the folder for committed files.")
    with errors_of(address), error_context(f"the `{field}` field"):
        path = rendered_folder(address.spec_path, field_set.rendered_dir.value)
    files = await call_deployment_files(DeploymentFilesRequest(field_set))
    for paths, where in (
        (files.source_paths, f"the `{OciDeploymentSourcesField.alias}` have"),
        (files.copied_paths, "a dependency has"),
    ):
        inside = within(path, paths)
        if inside:
            raise OciTargetError(
                address,
                f"{where} {inside[0]}, which is in {path}, the folder for rendered files (`{field}`). Exclude it, "
                f'for example with "!{field_set.rendered_dir.value}/**" in `{OciDeploymentSourcesField.alias}`.',
            )
    digest = await path_globs_to_digest(PathGlobs([f"{path}/**"]))
    return CommittedFolder(path, await remove_prefix(RemovePrefix(digest, path)))


call_committed_folder = by_name(committed_folder, CommittedFolder, CommittedFolderRequest)


@dataclass(frozen=True)
class CommittedRequest(OfFieldSet):
    """Use the committed files instead of rendered ones."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class Committed:
    """The files in the form of `Rendered`. Paths are relative to `folder`; `names` are those of the sources."""

    folder: str
    digest: Digest
    names: tuple[str, ...]


@rule(desc="Select committed manifests", level=LogLevel.DEBUG)
async def committed(request: CommittedRequest) -> Committed:
    files = await call_deployment_files(DeploymentFilesRequest(request.field_set))
    folder = await call_committed_folder(CommittedFolderRequest(request.field_set))
    entries = await get_digest_entries(folder.digest)
    missing = sorted({*files.names} - {entry.path for entry in entries})
    if missing:
        raise OciTargetError(
            request.field_set.address,
            f"committed files are missing: {', '.join(f'{folder.path}/{name}' for name in missing)}. "
            "Run `pants oci-render` and commit the files that it writes.",
        )
    digest = await digest_subset_to_digest(DigestSubset(folder.digest, PathGlobs(files.names)))
    return Committed(files.folder, digest, tuple(map(files.name, files.source_paths)))


call_committed = by_name(committed, Committed, CommittedRequest)


def rules() -> Iterable[object]:
    return collect_rules()

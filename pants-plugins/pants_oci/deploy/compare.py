"""The committed files of an `oci_deployment`, compared with what it renders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pants.engine.addresses import Address
from pants.engine.fs import FileContent
from pants.engine.rules import collect_rules, rule
from pants.engine.target import AllTargets
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from ocikit.errors import InvalidInput
from pants_oci.compat import by_name, concurrently, get_digest_contents
from pants_oci.debug_hints import OfFieldSet
from pants_oci.deploy.committed import CommittedFolderRequest, call_committed_folder
from pants_oci.deploy.committed_text import Difference, compare, rendered_folder
from pants_oci.deploy.files import DeploymentFilesRequest, call_deployment_files
from pants_oci.deploy.render import PinnedImage, RenderRequest, call_render
from pants_oci.errors import OciTargetError
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.deployment_field_set import DeploymentFieldSet


@dataclass(frozen=True)
class ComparedRequest(OfFieldSet):
    """Render a deployment and compare the result with the committed files."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class Compared:
    """The rendered and the committed files by their names in `folder`, without those that other targets render."""

    address: Address
    folder: str
    images: tuple[PinnedImage, ...]
    rendered: Mapping[str, FileContent] = field(repr=False)
    committed: Mapping[str, FileContent] = field(repr=False)

    @property
    def difference(self) -> Difference:
        return compare(_bytes(self.rendered), _bytes(self.committed))

    @property
    def changed(self) -> tuple[FileContent, ...]:
        """The rendered files that are stale or missing."""
        return tuple(self.rendered[name] for name in (*self.difference.stale, *self.difference.missing))


@rule(desc="Compare committed manifests", level=LogLevel.DEBUG)
async def compare_committed(request: ComparedRequest, all_targets: AllTargets) -> Compared:
    own = request.field_set
    folder = await call_committed_folder(CommittedFolderRequest(own))
    others = [(path, other) for path, other in _rendered_near(folder.path, all_targets) if other.address != own.address]
    files = await concurrently(call_deployment_files(DeploymentFilesRequest(other)) for _, other in others)
    owners = {f"{path}/{name}": other.address for (path, other), found in zip(others, files) for name in found.names}
    rendered = await call_render(RenderRequest(own))
    for name in rendered.sources:
        other = owners.get(f"{folder.path}/{name}")
        if other:
            raise OciTargetError(
                own.address, f"{other} renders {folder.path}/{name} too; give each deployment its own folder."
            )
    contents = await concurrently([get_digest_contents(rendered.digest), get_digest_contents(folder.digest)])
    new, old = ({file.path: file for file in found} for found in contents)
    left = {name: file for name, file in old.items() if name in new or f"{folder.path}/{name}" not in owners}
    return Compared(own.address, folder.path, rendered.images, FrozenDict(new), FrozenDict(left))


call_compared = by_name(compare_committed, Compared, ComparedRequest)


@dataclass(frozen=True)
class CheckCommittedRequest(ComparedRequest):
    """With `--oci-deployment-check`, raise OciTargetError if committed and rendered files differ."""


@dataclass(frozen=True)
class CommittedChecked:
    """The result of a check that found no difference."""


@rule(desc="Check committed manifests", level=LogLevel.DEBUG)
async def check_committed(request: CheckCommittedRequest, oci: OciSubsystem) -> CommittedChecked:
    if oci.deployment_check and request.field_set.rendered_dir.value is not None:
        compared = await call_compared(ComparedRequest(request.field_set))
        if compared.difference:
            raise OciTargetError(
                compared.address,
                f"the committed manifests are out of date: {'; '.join(compared.difference.lines(compared.folder))}. "
                "Run `pants oci-render` and commit the files that it writes.",
            )
    return CommittedChecked()


call_check_committed = by_name(check_committed, CommittedChecked, CheckCommittedRequest)


def _rendered_near(folder: str, targets: AllTargets) -> Iterator[tuple[str, DeploymentFieldSet]]:
    """The targets whose folder is `folder`, above it or below it. Invalid folders are errors of their own targets."""
    for field_set in map(DeploymentFieldSet.create, filter(DeploymentFieldSet.is_applicable, targets)):
        with suppress(InvalidInput):
            path = rendered_folder(field_set.address.spec_path, field_set.rendered_dir.value or "")
            if f"{path}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{path}/"):
                yield path, field_set


def _bytes(files: Mapping[str, FileContent]) -> Mapping[str, bytes]:
    return {name: file.content for name, file in files.items()}


def rules() -> Iterable[object]:
    return collect_rules()

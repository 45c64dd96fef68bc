"""What a deployment applies: its rendered or its committed manifests, and the images that they need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest
from pants.engine.rules import _uncacheable_rule, collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

from ocikit.publish.request import Destination
from pants_oci.compat import by_name, concurrently
from pants_oci.debug_hints import OfFieldSet
from pants_oci.deploy.committed import CommittedRequest, call_committed
from pants_oci.deploy.compare import CheckCommittedRequest, call_check_committed
from pants_oci.deploy.files import DeploymentFilesRequest, call_deployment_files
from pants_oci.deploy.image_existence import ExistingImages, ExistingImagesRequest, call_existing_images
from pants_oci.deploy.manifests import Manifests, ManifestsRequest, call_manifests
from pants_oci.deploy.render import PinnedImage, RenderRequest, call_render
from pants_oci.errors import OciTargetError
from pants_oci.publish.scope import DeployedPushesRequest, RunScope, call_deployed_pushes
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.deployment_field_set import DeploymentFieldSet

_PINNED = "@sha256:"
_COMMITTED = "to build and publish it, deploy without `--oci-deployment-use-committed`"


@dataclass(frozen=True)
class AppliedRequest(OfFieldSet):
    """Determine what a deployment applies."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class NeededImage:
    """An image that a deployment needs and this run does not publish. `advice`: what to do if it is missing."""

    reference: str
    advice: str


@dataclass(frozen=True)
class Applied:
    """Files by their paths relative to `folder`; `sources` are the manifests. `pushes` are published first."""

    digest: Digest
    folder: str
    sources: tuple[str, ...]
    needed: tuple[NeededImage, ...]
    pushes: tuple[Target, ...] = ()


@rule(desc="Determine what an OCI deployment applies", level=LogLevel.DEBUG)
async def work_out_applied(request: AppliedRequest, oci: OciSubsystem) -> Applied:
    field_set = request.field_set
    await call_check_committed(CheckCommittedRequest(field_set))
    if not oci.deployment_use_committed:
        rendered = await call_render(RenderRequest(field_set))
        pushes = await call_deployed_pushes(DeployedPushesRequest(field_set.dependencies))
        published = [target.address for target in pushes.targets]
        needed = (
            NeededImage(image.reference, _advice(image, excluded=image.push not in published))
            for image in rendered.images
            if image.skipped or image.push not in published
        )
        return Applied(rendered.digest, rendered.folder, rendered.sources, tuple(needed), pushes.targets)
    committed = await call_committed(CommittedRequest(field_set))
    files = await call_deployment_files(DeploymentFilesRequest(field_set))
    now, then = await concurrently(
        call_manifests(ManifestsRequest(field_set.address, digest, _PINNED))
        for digest in (files.sources, committed.digest)
    )
    own = {reference for reference in _pinned(then) if reference not in _pinned(now)}
    return Applied(
        committed.digest,
        committed.folder,
        committed.names,
        tuple(NeededImage(reference, _COMMITTED) for reference in sorted(own)),
    )


call_applied = by_name(work_out_applied, Applied, AppliedRequest)


@dataclass(frozen=True)
class AllPresentRequest:
    """Look up the images that all deployments of the run need. All instances are equal, so this happens once."""


# Uncacheable, because the registries may change between runs.
@_uncacheable_rule(desc="Look up the images of all deployments", level=LogLevel.TRACE)
async def ask_for_all(_: AllPresentRequest, scope: RunScope, configured: ConfiguredRegistries) -> ExistingImages:
    applied = await concurrently(call_applied(AppliedRequest(field_set)) for field_set in scope.deployments)
    return await call_existing_images(ExistingImagesRequest(_images(applied, configured)))


_call_all_present = by_name(ask_for_all, ExistingImages, AllPresentRequest)


@dataclass(frozen=True)
class CheckedRequest(AppliedRequest):
    """Determine what a deployment applies. Raises OciTargetError if an image is missing."""


@_uncacheable_rule(desc="Check the images of an OCI deployment", level=LogLevel.DEBUG)
async def check_applied(request: CheckedRequest, scope: RunScope, configured: ConfiguredRegistries) -> Applied:
    applied = await call_applied(AppliedRequest(request.field_set))
    if request.field_set in scope.deployments:
        present = await _call_all_present(AllPresentRequest())
    else:
        present = await call_existing_images(ExistingImagesRequest(_images((applied,), configured)))
    problems = [
        f"{image.reference}: {problem.rstrip('.')}; {image.advice}."
        for image in applied.needed
        if (problem := present.problems.get(_image(image.reference, configured)))
    ]
    if problems:
        raise OciTargetError.of_all(request.field_set.address, problems)
    return applied


call_checked = by_name(check_applied, Applied, CheckedRequest)


def _images(applied: Iterable[Applied], configured: ConfiguredRegistries) -> tuple[tuple[Destination, str], ...]:
    """The needed images, without duplicates."""
    return tuple(dict.fromkeys(_image(image.reference, configured) for one in applied for image in one.needed))


def _advice(image: PinnedImage, *, excluded: bool) -> str:
    if excluded:
        return (
            f"{image.push} is excluded from its `dependencies`, so this run does not publish it: "
            "publish it, or remove the exclusion"
        )
    return f"{image.push} has `skip_push`: publish it by hand, or remove `skip_push`"


def _pinned(manifests: Manifests) -> frozenset[str]:
    return frozenset(reference for manifest in manifests.files for reference in manifest.pinned)


def _image(reference: str, configured: ConfiguredRegistries) -> tuple[Destination, str]:
    """The repository to query, and the digest."""
    repository, _, digest = reference.partition("@")
    return configured.registries.own_destination(repository), digest


def rules() -> Iterable[object]:
    return collect_rules()

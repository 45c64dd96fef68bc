"""Render the manifests of an `oci_deployment`: replace each address by a reference that is pinned by digest.

Digests are known before anything is published, so no registry is queried.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests, RemovePrefix
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.errors import InvalidInput
from ocikit.manifests.pants_url import SCHEME, text
from ocikit.manifests.substitute import replace as replace_spans
from pants_oci.compat import (
    by_name,
    concurrently,
    create_digest,
    get_digest_contents,
    merge_digests,
    remove_prefix,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.deploy.files import DeploymentFilesRequest, call_deployment_files
from pants_oci.deploy.manifests import DeploymentFile
from pants_oci.deploy.references import NamedPush, NamedPushesRequest, call_named_pushes, where
from pants_oci.deploy.registry_choice import choose_registry
from pants_oci.errors import OciTargetError, errors_of
from pants_oci.log import printable_logger
from pants_oci.publish.push import (
    PushFieldSet,
    RegistryPush,
    ResolvedPush,
    ResolvedPushRequest,
    call_resolved_push,
    registries_of,
)
from pants_oci.registries import Registries, Registry
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.targets.deployment_field_set import DeploymentFieldSet

logger = printable_logger(__name__)


@dataclass(frozen=True)
class RenderRequest(OfFieldSet):
    """Render the sources of a deployment."""

    field_set: DeploymentFieldSet


@dataclass(frozen=True)
class PinnedImage:
    """An image of an `oci_push`, as rendered. `skipped`: nothing publishes it, because of `skip_push`."""

    push: Address
    reference: str
    skipped: bool


@dataclass(frozen=True)
class Rendered:
    """Rendered sources and the files of `dependencies`, by paths relative to `folder`.

    `folder`, relative to the build root, is the target's own folder if all files are below it. Otherwise it is the
    deepest folder that contains all of them, so that paths from one file to another stay valid. `sources`: the paths of
    the rendered sources, sorted. `images`: in the order of the sources, without duplicates.
    """

    digest: Digest
    folder: str
    sources: tuple[str, ...]
    images: tuple[PinnedImage, ...]


@rule(desc="Render an OCI deployment", level=LogLevel.DEBUG)
async def render(request: RenderRequest, configured: ConfiguredRegistries) -> Rendered:
    field_set = request.field_set
    files = await call_deployment_files(DeploymentFilesRequest(field_set))
    named = await call_named_pushes(NamedPushesRequest(field_set.sources))
    # Report these errors before the images are built, which may take long.
    chosen = _choose(field_set, named.pushes, configured.registries)
    requested = await concurrently(
        call_resolved_push(ResolvedPushRequest(PushFieldSet.create(target))) for target in named.targets
    )
    by_push = {target.address: one for target, one in zip(named.targets, requested)}
    pairs = [
        (one, next(push for push in image.pushes if push.registry == registry), image)
        for one, registry in zip(named.pushes, chosen)
        for image in (by_push[one.push.address],)
    ]
    copied = await get_digest_contents(files.copied)
    _warn(field_set.address, named.manifests, copied)
    values: dict[str, list[str]] = {manifest.path: [] for manifest in named.manifests}
    for one, push, image in pairs:
        values[one.file].append(_text(one, push, image))
    texts = {m.path: replace_spans(m.text, m.spans, values[m.path]).encode() for m in named.manifests}
    contents = await get_digest_contents(files.sources)
    rendered = await create_digest(
        CreateDigest(replace(file, content=texts.get(file.path, file.content)) for file in contents)
    )
    everything = await merge_digests(MergeDigests((rendered, files.copied)))
    digest = await remove_prefix(RemovePrefix(everything, files.folder))
    return Rendered(digest, files.folder, tuple(map(files.name, files.source_paths)), _images(pairs))


call_render = by_name(render, Rendered, RenderRequest)


def _choose(field_set: DeploymentFieldSet, pushes: Iterable[NamedPush], registries: Registries) -> tuple[Registry, ...]:
    """Select the registry of each address. Raises OciTargetError with all addresses for which that fails."""
    chosen: list[Registry] = []
    problems: list[str] = []
    for one in pushes:
        address = one.push.address
        with errors_of(address):
            choice = registries_of(PushFieldSet.create(one.push), registries)
        try:
            chosen.append(choose_registry(str(address), choice, one.image.registry, field_set.registry.value))
        except InvalidInput as error:
            problems.append(f"{one.where}: {error}")
    if problems:
        raise OciTargetError.of_all(field_set.address, problems)
    return tuple(chosen)


def _text(one: NamedPush, push: RegistryPush, requested: ResolvedPush) -> str:
    assert push.pulled_from
    return text(one.image.part, push.pulled_from.address, push.request.tags[0], requested.digest)


def _images(pairs: Iterable[tuple[NamedPush, RegistryPush, ResolvedPush]]) -> tuple[PinnedImage, ...]:
    found: Mapping[PinnedImage, None] = {
        PinnedImage(one.push.address, f"{push.pulled_from.address}@{requested.digest}", push.is_skipped): None
        for one, push, requested in pairs
        if push.pulled_from
    }
    return tuple(found)


def _warn(address: Address, manifests: Iterable[DeploymentFile], copied: Iterable[FileContent]) -> None:
    """Warn about text that looks like an image address, but is not replaced."""
    if not any(manifest.spans for manifest in manifests):
        logger.warning(
            '%s: no source contains an image address such as "%s:push", so nothing is pinned.', address, SCHEME
        )
    for manifest in manifests:
        for found in manifest.unreplaced:
            logger.log(
                logging.INFO if found.is_comment else logging.WARNING,
                '%s: %s: "%s" is not replaced: %s.',
                *(address, where(manifest.path, found), found.text, found.why),
            )
    for file in copied:
        if SCHEME.encode() in file.content:
            logger.warning(
                "%s: %s contains an image address, but is copied unchanged; only sources are rendered.",
                address,
                file.path,
            )


def warn_of_skipped(owner: Address, images: Iterable[PinnedImage]) -> None:
    """Warn about images that nothing publishes, in goals that publish nothing themselves."""
    for image in images:
        if image.skipped:
            logger.warning("%s: %s has `skip_push`, so nothing publishes %s.", owner, image.push, image.reference)


def rules() -> Iterable[object]:
    return collect_rules()

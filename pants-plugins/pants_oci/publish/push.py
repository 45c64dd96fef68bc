"""Resolve an `oci_push` to an image or index, repositories and tags, without querying registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pants.core.goals.package import PackageFieldSet
from pants.core.goals.publish import PublishFieldSet, PublishRequest
from pants.engine.addresses import Address, Addresses
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

import ocikit
from ocikit.errors import InvalidInput
from ocikit.publish.request import Destination, PushRequest
from ocikit.spec.reference import validate_tag
from pants_oci.compat import CheckSkipRequest, by_name, concurrently, implicitly, targets_of
from pants_oci.debug_hints import OfFieldSet
from pants_oci.errors import OciTargetError, describe_type, error_context, errors_of
from pants_oci.images.image import BuiltImage, ImageRequest, call_image
from pants_oci.images.index import IndexFieldSet, IndexRequest, call_index
from pants_oci.placeholders import DIGEST_PLACEHOLDER, address_values, fill
from pants_oci.publish.placeholder_values import PlaceholderRequest, call_placeholder_values
from pants_oci.registries import Registries, Registry, split_host
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.subsystem import OciSubsystem
from pants_oci.target_addresses import NamedTargetsRequest, call_named_targets
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.index import OciIndexTarget
from pants_oci.targets.push import (
    OciPushDependenciesField,
    OciPushImageField,
    OciPushImageTagsField,
    OciPushRegistriesField,
    OciPushRepositoryField,
    OciPushSkipField,
)

_DIGEST_DIGITS = 12
# Replaces the digest in the names of an image that is not built.
_UNBUILT = "unbuilt"


class PublishImageRequest(PublishRequest):
    """Request the processes that publish an `oci_push`."""


class SkipPushRequest(CheckSkipRequest):
    """Ask whether an `oci_push` is skipped, and need not be packaged."""


@dataclass(frozen=True)
class PushFieldSet(PublishFieldSet):
    publish_request_type = PublishImageRequest
    required_fields = (OciPushImageField, OciPushRegistriesField)

    dependencies: OciPushDependenciesField
    image: OciPushImageField
    repository: OciPushRepositoryField
    registries: OciPushRegistriesField
    image_tags: OciPushImageTagsField
    skip_push: OciPushSkipField

    def check_skip_request(self, package_fs: PackageFieldSet) -> SkipPushRequest:
        return SkipPushRequest(package_fs, self)

    def is_skipped(self, registry: Registry) -> bool:
        return bool(self.skip_push.value or registry.skip_push)


@dataclass(frozen=True)
class PushNamesRequest(OfFieldSet):
    """Resolve the repositories and tags of an `oci_push`."""

    field_set: PushFieldSet


class _Names(NamedTuple):
    """The repository in a registry, its name on the nodes that pull from it, and the tags, without duplicates."""

    destination: Destination
    pulled_from: Destination | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class PushNames:
    """Where an `oci_push` publishes to, except for the digest of its image, which tags may contain."""

    field_set: PushFieldSet
    registries: tuple[Registry, ...]
    values: Mapping[str, str | None]
    default_repository: str

    @property
    def is_skipped(self) -> bool:
        """Whether nothing is published at all."""
        return all(self.field_set.is_skipped(registry) for registry in self.registries)

    def named(self, digest: str = _UNBUILT) -> list[tuple[Registry, _Names]]:
        """The names for each registry, with `digest` in place of `{digest}`."""
        values = {**self.values, DIGEST_PLACEHOLDER: digest}
        with errors_of(self.field_set.address):
            return [
                (registry, _names(self.field_set, registry, values, self.default_repository))
                for registry in self.registries
            ]


@rule(desc="Resolve the repositories and tags of an oci_push", level=LogLevel.DEBUG)
async def push_names(request: PushNamesRequest, oci: OciSubsystem, configured: ConfiguredRegistries) -> PushNames:
    field_set = request.field_set
    address = field_set.address
    with errors_of(address):
        chosen = registries_of(field_set, configured.registries)
    templates = [field_set.repository.value or "", oci.default_repository]
    for registry in chosen:
        templates += [registry.repository or "", *registry.extra_image_tags]
    filled = await call_placeholder_values(PlaceholderRequest((*templates, *(field_set.image_tags.value or ()))))
    return PushNames(field_set, chosen, {**address_values(address), **filled.values}, oci.default_repository)


call_push_names = by_name(push_names, PushNames, PushNamesRequest)


@dataclass(frozen=True)
class ResolvedPushRequest(OfFieldSet):
    """Resolve what an `oci_push` publishes, without querying registries."""

    field_set: PushFieldSet


@dataclass(frozen=True)
class RegistryPush:
    """The push to one registry. `is_skipped`: `skip_push` excludes it from `publish`.

    `pulled_from`: the repository as nodes name it, or None if they cannot pull from it.
    """

    registry: Registry
    request: PushRequest
    pulled_from: Destination | None
    is_skipped: bool


@dataclass(frozen=True)
class ResolvedPush:
    """A push for each registry. `digest`: of the image or the index. `images`: the image, or those of the index."""

    digest: ocikit.Digest
    images: tuple[BuiltImage, ...]
    pushes: tuple[RegistryPush, ...]

    @property
    def requests(self) -> tuple[PushRequest, ...]:
        """The pushes that `publish` carries out."""
        return tuple(push.request for push in self.pushes if not push.is_skipped)

    @property
    def skipped(self) -> tuple[PushRequest, ...]:
        """The pushes that `skip_push` excludes."""
        return tuple(push.request for push in self.pushes if push.is_skipped)


@rule(desc="Resolve what an oci_push publishes", level=LogLevel.DEBUG)
async def resolve_push(request: ResolvedPushRequest) -> ResolvedPush:
    field_set = request.field_set
    address = field_set.address
    found = await call_named_targets(NamedTargetsRequest(address, OciPushImageField.alias, (field_set.image.value,)))
    targets = await targets_of(**implicitly(Addresses(found.addresses)))
    _check_others(address, targets)
    names = await call_push_names(PushNamesRequest(field_set))
    # Report invalid names before the image is built.
    names.named("0" * _DIGEST_DIGITS)
    indexes = await concurrently(
        call_index(IndexRequest(IndexFieldSet.create(target)))
        for target in targets
        if isinstance(target, OciIndexTarget)
    )
    single = await concurrently(
        call_image(ImageRequest(ImageFieldSet.create(target)))
        for target in targets
        if isinstance(target, OciImageTarget)
    )
    index = indexes[0].index if indexes else None
    images = indexes[0].images if indexes else tuple(single)
    digest = index.descriptor.digest if index else images[0].image.digest
    pushes = tuple(
        RegistryPush(
            registry,
            replace(
                _request(index, images, str(address), place.destination, place.tags),
                immutable_tags=registry.immutable_tags,
            ),
            place.pulled_from,
            field_set.is_skipped(registry),
        )
        for registry, place in names.named(digest.hex[:_DIGEST_DIGITS])
    )
    return ResolvedPush(digest, images, pushes)


call_resolved_push = by_name(resolve_push, ResolvedPush, ResolvedPushRequest)


def _check_others(owner: Address, targets: Sequence[Target]) -> None:
    if len(targets) != 1 or not isinstance(targets[0], (OciImageTarget, OciIndexTarget)):
        raise OciTargetError(
            owner,
            f"the `{OciPushImageField.alias}` {', '.join(str(target.address) for target in targets)} is "
            f"{' and '.join(describe_type(target) for target in targets)}; "
            f"name one `{OciImageTarget.alias}` or `{OciIndexTarget.alias}`.",
        )


def _request(
    index: ocikit.ImageIndex | None,
    images: Sequence[BuiltImage],
    origin: str,
    destination: Destination,
    tags: tuple[str, ...],
) -> PushRequest:
    bases = tuple(
        ((Destination(str(image.base.repository)),) if image.base else (), image.base_layers) for image in images
    )
    origins = tuple(origin for image in images for origin in image.origins)
    manifests = tuple(image.image.manifest for image in images)
    if index:
        return PushRequest(origin, destination, tags, index, origins, children=manifests, child_bases=bases)
    return PushRequest(origin, destination, tags, manifests[0], origins, *bases[0])


def registries_of(field_set: PushFieldSet, registries: Registries) -> tuple[Registry, ...]:
    """The registries to publish to, in the order of `ResolvedPush.pushes`. Raises InvalidInput."""
    host, _rest = split_host(field_set.repository.value or "")
    if not host:
        with error_context(f"the `{OciPushRegistriesField.alias}` field"):
            return registries.select(field_set.registries.value or ())
    if field_set.registries.value != OciPushRegistriesField.default:
        raise InvalidInput(
            f'the `{OciPushRepositoryField.alias}` "{field_set.repository.value}" names the registry '
            f'"{host}", and `{OciPushRegistriesField.alias}` names registries too; '
            "leave one of them out."
        )
    return (registries.of_host(host),)


def _names(
    field_set: PushFieldSet, registry: Registry, values: Mapping[str, str | None], default_repository: str
) -> _Names:
    place, template = _repository_template(field_set, registry, default_repository)
    with error_context(place):
        repository = fill(template, values)
        destination = registry.destination(repository)
        pulled_from = registry.pulled_from(repository)
    tags = []
    for place, templates in (
        (f"the `{OciPushImageTagsField.alias}` field", field_set.image_tags.value or ()),
        (f"{registry.option}.extra_image_tags", registry.extra_image_tags),
    ):
        with error_context(place):
            tags += [validate_tag(fill(template, values)) for template in templates]
    if not tags:
        raise InvalidInput(f"the `{OciPushImageTagsField.alias}` field is empty; name a tag.")
    return _Names(destination, pulled_from, tuple(dict.fromkeys(tags)))


def _repository_template(field_set: PushFieldSet, registry: Registry, default: str) -> tuple[str, str]:
    """The field or option that sets the repository, and its template."""
    _host, own = split_host(field_set.repository.value or "")
    if own:
        return f"the `{OciPushRepositoryField.alias}` field", own
    if registry.repository:
        return f"{registry.option}.repository", registry.repository
    return "[oci].default_repository", default


def rules() -> Iterable[object]:
    return collect_rules()

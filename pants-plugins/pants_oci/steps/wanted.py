"""What an `oci_push` wants: which image, in which repositories, under which tags. Asks no registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.core.goals.package import PackageFieldSet
from pants.core.goals.publish import PublishFieldSet, PublishRequest
from pants.engine.addresses import Addresses
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.errors import InvalidInput
from ocikit.push.wanted import PushRequest
from ocikit.reference import validate_tag
from pants_oci.compat import by_name, implicitly, resolve_unparsed_address_inputs, targets_of
from pants_oci.dependency_inference import addresses_in
from pants_oci.errors import OciTargetError, blamed_on
from pants_oci.placeholders import DIGEST_PLACEHOLDER, address_values, fill
from pants_oci.registries import Registries, Registry, split_host
from pants_oci.steps.image import BuiltImage, ImageFieldSet, ImageRequest, call_image
from pants_oci.steps.placeholders import PlaceholderRequest, call_placeholder_values
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.push import (
    OciPushDependenciesField,
    OciPushImageField,
    OciPushImageTagsField,
    OciPushRegistriesField,
    OciPushRepositoryField,
    OciPushSkipField,
)

_DIGEST_DIGITS = 12


class PublishImageRequest(PublishRequest):
    """Asks for the processes that publish an `oci_push`."""


@dataclass(frozen=True)
class PushFieldSet(PackageFieldSet, PublishFieldSet):
    publish_request_type = PublishImageRequest
    required_fields = (OciPushImageField, OciPushRegistriesField)

    dependencies: OciPushDependenciesField
    image: OciPushImageField
    repository: OciPushRepositoryField
    registries: OciPushRegistriesField
    image_tags: OciPushImageTagsField
    skip_push: OciPushSkipField


@dataclass(frozen=True)
class WantedRequest(EngineAwareParameter):
    """Work out what an `oci_push` wants published, without asking any registry."""

    field_set: PushFieldSet

    def debug_hint(self) -> str:
        return str(self.field_set.address)


@dataclass(frozen=True)
class Wanted:
    """The image, and one push request for each registry; `skipped` are those with `skip_push`."""

    image: BuiltImage
    requests: tuple[PushRequest, ...]
    skipped: tuple[PushRequest, ...] = ()


@rule(desc="Work out what an oci_push wants", level=LogLevel.DEBUG)
async def work_out_wanted(request: WantedRequest, oci: OciSubsystem) -> Wanted:
    field_set = request.field_set
    address = field_set.address
    addresses = await resolve_unparsed_address_inputs(
        addresses_in((field_set.image.value,), address, OciPushImageField.alias), **implicitly()
    )
    targets = await targets_of(**implicitly(Addresses(addresses)))
    if len(targets) != 1 or not isinstance(targets[0], OciImageTarget):
        raise OciTargetError(
            address,
            f"the `image` {field_set.image.value} is "
            f"{', '.join(f'a `{target.alias}`' for target in targets)}; "
            f"name one `{OciImageTarget.alias}`.",
        )
    with blamed_on(address):
        chosen = _registries(field_set, oci.registries)
    templates = [field_set.repository.value or "", oci.default_repository]
    for registry in chosen:
        templates += [registry.repository or "", *registry.extra_image_tags]
    found = await call_placeholder_values(PlaceholderRequest((*templates, *(field_set.image_tags.value or ()))))
    image = await call_image(ImageRequest(ImageFieldSet.create(targets[0])))
    values = {
        **address_values(address),
        **found.values,
        DIGEST_PLACEHOLDER: image.image.digest.hex[:_DIGEST_DIGITS],
    }
    with blamed_on(address):
        wanted = [
            (registry, _push_request(field_set, registry, image, values, oci.default_repository)) for registry in chosen
        ]
    skips = field_set.skip_push.value
    return Wanted(
        image,
        tuple(request for registry, request in wanted if not (skips or registry.skip_push)),
        tuple(request for registry, request in wanted if skips or registry.skip_push),
    )


call_wanted = by_name(work_out_wanted, Wanted, WantedRequest)


def _registries(field_set: PushFieldSet, registries: Registries) -> tuple[Registry, ...]:
    host, _rest = split_host(field_set.repository.value or "")
    if not host:
        return registries.select(field_set.registries.value or ())
    if field_set.registries.value != OciPushRegistriesField.default:
        raise InvalidInput(
            f'the `{OciPushRepositoryField.alias}` "{field_set.repository.value}" names the registry '
            f'"{host}", and `{OciPushRegistriesField.alias}` names registries too; '
            "leave one of them out."
        )
    return (registries.of_host(host),)


def _push_request(
    field_set: PushFieldSet,
    registry: Registry,
    image: BuiltImage,
    values: Mapping[str, str | None],
    default_repository: str,
) -> PushRequest:
    _host, own = split_host(field_set.repository.value or "")
    template = own or registry.repository or default_repository
    repository = _filled(OciPushRepositoryField.alias, template, values)
    tags: list[str] = []
    for text in (*(field_set.image_tags.value or ()), *registry.extra_image_tags):
        tag = _filled(OciPushImageTagsField.alias, text, values)
        try:
            validate_tag(tag)
        except InvalidInput as error:
            raise InvalidInput(f"the `{OciPushImageTagsField.alias}` field: {error}") from None
        tags.append(tag)
    if not tags:
        raise InvalidInput(f"the `{OciPushImageTagsField.alias}` field is empty; name a tag.")
    return PushRequest(
        str(field_set.address),
        registry.destination(repository),
        tuple(dict.fromkeys(tags)),
        image.image.manifest,
    )


def _filled(field_alias: str, template: str, values: Mapping[str, str | None]) -> str:
    try:
        return fill(template, values)
    except InvalidInput as error:
        raise InvalidInput(f"the `{field_alias}` field: {error}") from None


def rules() -> Iterable[object]:
    return collect_rules()

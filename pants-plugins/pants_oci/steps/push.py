"""An image and a registry's answers become a plan: survey what is there, decide purely what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.core.goals.package import PackageFieldSet
from pants.engine.addresses import Addresses
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.errors import InvalidInput
from ocikit.push.plan import Plan, plan
from ocikit.push.remote_state import RemoteState
from ocikit.push.wanted import PushRequest
from ocikit.reference import validate_tag
from pants_oci.compat import (
    by_name,
    environment_vars_subset,
    get_digest_contents,
    implicitly,
    resolve_unparsed_address_inputs,
    targets_of,
)
from pants_oci.dependency_inference import addresses_in
from pants_oci.errors import OciTargetError, blamed_on
from pants_oci.placeholders import (
    DIGEST_PLACEHOLDER,
    ENV_PREFIX,
    GIT_PLACEHOLDERS,
    address_values,
    fill,
    placeholders_in,
)
from pants_oci.registries import Registries, Registry, split_host
from pants_oci.steps.git import GitFactsRequest, call_git_facts
from pants_oci.steps.image import (
    BuiltImage,
    ImageFieldSet,
    ImageRequest,
    call_image,
)
from pants_oci.steps.ocikit_process import OcikitProcess, call_ocikit
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

_ANSWERS_FILE = "survey.json"
_DIGEST_DIGITS = 12


@dataclass(frozen=True)
class PushFieldSet(PackageFieldSet):
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


@dataclass(frozen=True)
class PlaceholderRequest:
    """Find the values of the placeholders that `templates` use."""

    templates: tuple[str, ...]


@dataclass(frozen=True)
class PlaceholderValues:
    """Values from Git and the environment."""

    values: Mapping[str, str | None]


@dataclass(frozen=True)
class PlanRequest(EngineAwareParameter):
    """Ask the registries about `requests` and plan what is left to do."""

    requests: tuple[PushRequest, ...]

    def debug_hint(self) -> str:
        return ", ".join(sorted({request.origin for request in self.requests}))


@dataclass(frozen=True)
class Planned:
    """What is left to do."""

    plan: Plan


@rule(desc="Find the values of placeholders", level=LogLevel.DEBUG)
async def placeholder_values(request: PlaceholderRequest) -> PlaceholderValues:
    names = placeholders_in(request.templates)
    values: dict[str, str | None] = dict.fromkeys(GIT_PLACEHOLDERS)
    if any(name in GIT_PLACEHOLDERS for name in names):
        facts = await call_git_facts(GitFactsRequest())
        values.update(facts.values)
    variables = tuple(n[len(ENV_PREFIX) :] for n in names if n.startswith(ENV_PREFIX))
    if variables:
        found = await environment_vars_subset(EnvironmentVarsRequest(variables), **implicitly())
        values.update({f"{ENV_PREFIX}{name}": found.get(name) for name in variables})
    return PlaceholderValues(values)


call_placeholder_values = by_name(placeholder_values, PlaceholderValues, PlaceholderRequest)


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


@rule(desc="Plan a push", level=LogLevel.DEBUG)
async def plan_push(request: PlanRequest) -> Planned:
    survey = await call_ocikit(
        OcikitProcess(
            "survey",
            request_document(request.requests),
            EMPTY_DIGEST,
            f"Ask registries about {request.debug_hint()}",
            output_files=(_ANSWERS_FILE,),
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    contents = await get_digest_contents(survey.digest)
    return Planned(plan(request.requests, RemoteState.from_json(contents[0].content)))


call_plan = by_name(plan_push, Planned, PlanRequest)


def request_document(requests: Iterable[PushRequest], steps: Plan | None = None) -> bytes:
    """What a sandbox needs to know; `oci:` addresses in it are relative to the build root."""
    return ocikit.canonical_json.dumps(
        {
            "root": get_buildroot(),
            "requests": [request.to_json() for request in requests],
            **({"plan": steps.to_json()} if steps else {}),
        }
    )


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

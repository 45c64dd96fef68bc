"""Resolve an address in a field to targets. A parametrized address may match several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pants.base.specs import AddressLiteralSpec, RawSpecsWithoutFileOwners
from pants.engine.addresses import Address, Addresses, AddressInput, UnparsedAddressInputs
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_oci.compat import addresses_of_specs, by_name, concurrently, implicitly
from pants_oci.errors import OciTargetError
from pants_oci.targets.image import OciImageBaseField, OciImagePlatformField


def addresses_in(values: Iterable[str | None], owner: Address, field_alias: str) -> UnparsedAddressInputs:
    """The addresses in a field. Pants reports a wrong one with the name of the field."""
    return UnparsedAddressInputs(
        (value for value in values if value),
        owning_address=owner,
        description_of_origin=f"the `{field_alias}` field of {owner}",
    )


@dataclass(frozen=True)
class NamedTargetsRequest:
    """Find the targets that the addresses in a field of the target `owner` match."""

    owner: Address
    field_alias: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class NamedTargets:
    """The addresses in the order of the field, with duplicates."""

    addresses: tuple[Address, ...]


@rule(desc="Resolve the addresses in a field", level=LogLevel.DEBUG)
async def named_targets(request: NamedTargetsRequest) -> NamedTargets:
    found = await concurrently(
        addresses_of_specs(**implicitly({_spec(text, request): RawSpecsWithoutFileOwners})) for text in request.texts
    )
    return NamedTargets(tuple(address for addresses in found for address in addresses))


call_named_targets = by_name(named_targets, NamedTargets, NamedTargetsRequest)


@dataclass(frozen=True)
class BaseAddressRequest:
    """Find the base of the image `address`, which is for `platform`."""

    address: Address
    base: str | None
    platform: str


@dataclass(frozen=True)
class BaseAddress:
    """At most one address."""

    addresses: Addresses


@rule(desc="Find the base of an OCI image", level=LogLevel.DEBUG)
async def base_address(request: BaseAddressRequest) -> BaseAddress:
    texts = (request.base,) if request.base else ()
    found = await call_named_targets(NamedTargetsRequest(request.address, OciImageBaseField.alias, texts))
    named = found.addresses
    fitting = fitting_parameters(named, {OciImagePlatformField.alias: request.platform, **request.address.parameters})
    if named and len(fitting) != 1:
        candidates = ", ".join(str(address) for address in fitting or named)
        raise OciTargetError(
            request.address,
            f'the `{OciImageBaseField.alias}` "{request.base}" is parametrized, and '
            + (
                f"several fit this image; name one of them: {candidates}."
                if fitting
                else f'none is for "{request.platform}"; available: {candidates}.'
            ),
        )
    return BaseAddress(Addresses(fitting))


call_base_address = by_name(base_address, BaseAddress, BaseAddressRequest)


def fitting_parameters(addresses: Sequence[Address], requested: Mapping[str, str]) -> tuple[Address, ...]:
    """The addresses whose parameters do not contradict `requested`. A single address always fits."""
    if len(addresses) < 2:
        return tuple(addresses)
    return tuple(a for a in addresses if all(requested.get(key, value) == value for key, value in a.parameters.items()))


def _spec(text: str, request: NamedTargetsRequest) -> RawSpecsWithoutFileOwners:
    """Parse `text` as the command line does, because the address of a single target cannot match several."""
    origin = f"the `{request.field_alias}` field of {request.owner}"
    parsed = AddressInput.parse(text, relative_to=request.owner.spec_path, description_of_origin=origin)
    literal = AddressLiteralSpec(
        path_component=parsed.path_component,
        target_component=parsed.target_component,
        generated_component=parsed.generated_component,
        parameters=FrozenDict(parsed.parameters),
    )
    return RawSpecsWithoutFileOwners(description_of_origin=origin, address_literals=(literal,))


def rules() -> Iterable[object]:
    return collect_rules()

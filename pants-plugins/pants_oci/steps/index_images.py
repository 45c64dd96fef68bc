"""Which images an `oci_index` names: one that is parametrized stands for all of its targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.specs import AddressLiteralSpec, RawSpecsWithoutFileOwners
from pants.engine.addresses import Address, AddressInput
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_oci.compat import addresses_of_specs, by_name, concurrently, implicitly
from pants_oci.targets.index import OciIndexImagesField


@dataclass(frozen=True)
class IndexImagesRequest:
    """Find the targets that the field `images` of the index `address` names."""

    address: Address
    images: tuple[str, ...]


@dataclass(frozen=True)
class IndexImages:
    """The addresses in the order of the field; one that is named twice is there twice."""

    addresses: tuple[Address, ...]


@rule(desc="Find the images of an OCI index", level=LogLevel.DEBUG)
async def index_images(request: IndexImagesRequest) -> IndexImages:
    found = await concurrently(
        addresses_of_specs(**implicitly(_spec(text, request.address))) for text in request.images
    )
    return IndexImages(tuple(address for addresses in found for address in addresses))


call_index_images = by_name(index_images, IndexImages, IndexImagesRequest)


def _spec(text: str, owner: Address) -> RawSpecsWithoutFileOwners:
    """What the command line would take it for: as the address of one target it could not stand for several."""
    origin = f"the `{OciIndexImagesField.alias}` field of {owner}"
    parsed = AddressInput.parse(text, relative_to=owner.spec_path, description_of_origin=origin)
    literal = AddressLiteralSpec(
        path_component=parsed.path_component,
        target_component=parsed.target_component,
        generated_component=parsed.generated_component,
        parameters=FrozenDict(parsed.parameters),
    )
    return RawSpecsWithoutFileOwners(description_of_origin=origin, address_literals=(literal,))


def rules() -> Iterable[object]:
    return collect_rules()

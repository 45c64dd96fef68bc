"""What Pants adds to the description of a rule in its log: the target that a request is about."""

from __future__ import annotations

from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.target import FieldSet


class OfFieldSet(EngineAwareParameter):
    """A request about the target of a field set."""

    field_set: FieldSet

    def debug_hint(self) -> str:
        return str(self.field_set.address)


class OfOwner(EngineAwareParameter):
    """A request for what the target `owner` needs."""

    owner: Address

    def debug_hint(self) -> str:
        return str(self.owner)


class OfAddress(EngineAwareParameter):
    """A request about the target `address`."""

    address: Address

    def debug_hint(self) -> str:
        return str(self.address)

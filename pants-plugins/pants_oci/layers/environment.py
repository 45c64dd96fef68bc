"""Find the environment to build a part of an image in: its own or, if it sets none, the current one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.environment import LOCAL_ENVIRONMENT_MATCHER, EnvironmentName
from pants.engine.rules import collect_rules, rule
from pants.engine.target import FieldSet
from pants.util.logging import LogLevel

from pants_oci.compat import EnvironmentNameRequest, by_name, implicitly, resolve_environment_name


@dataclass(frozen=True)
class OwnEnvironmentRequest:
    """Find the environment of a target that is part of another, which is built in the current environment."""

    field_set: FieldSet


@dataclass(frozen=True)
class LayerEnvironment:
    name: EnvironmentName


@rule(desc="Find the environment of a part of an OCI image", level=LogLevel.TRACE)
async def own_environment(request: OwnEnvironmentRequest, current: EnvironmentName) -> LayerEnvironment:
    requested = EnvironmentNameRequest.from_field_set(request.field_set)
    if requested.raw_value == LOCAL_ENVIRONMENT_MATCHER:
        return LayerEnvironment(current)
    name = await resolve_environment_name(requested, **implicitly())
    return LayerEnvironment(name)


call_own_environment = by_name(own_environment, LayerEnvironment, OwnEnvironmentRequest)


def rules() -> Iterable[object]:
    return collect_rules()

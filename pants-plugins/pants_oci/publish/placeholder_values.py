"""Find the values of placeholders. Git is called only if a placeholder needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.compat import by_name, environment_vars_subset, implicitly
from pants_oci.placeholders import ENV_PREFIX, GIT_PLACEHOLDERS, placeholders_in
from pants_oci.publish.git import GitFactsRequest, call_git_facts


@dataclass(frozen=True)
class PlaceholderRequest:
    """Find the values of the placeholders that `templates` use."""

    templates: tuple[str, ...]


@dataclass(frozen=True)
class PlaceholderValues:
    """Values from Git and the environment."""

    values: Mapping[str, str | None]


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


def rules() -> Iterable[object]:
    return collect_rules()

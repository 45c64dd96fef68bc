"""The registries that are configured: `[oci.registries]`, and Docker's where `[oci].docker_registries` says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.errors import InvalidInput
from pants_oci.registries import Registries
from pants_oci.subsystem import OciSubsystem

_DOCKER_SCOPE = "docker"


@dataclass(frozen=True)
class ConfiguredRegistries:
    """The tables as they are written; what is wrong with them is told where they are used."""

    tables: Mapping[str, Any]
    # None: asked for, and the Docker backend, whose option it is, is not enabled.
    docker_tables: Mapping[str, Any] | None

    @property
    def registries(self) -> Registries:
        """Raises InvalidInput for a table that is not a registry, and for what both options have."""
        if self.docker_tables is None:
            raise InvalidInput(
                "[oci].docker_registries = true uses the option [docker].registries, which Pants has only with the "
                'backend "pants.backend.docker": enable that in [GLOBAL].backend_packages, or write the registries '
                "into [oci.registries]."
            )
        return Registries.from_option(self.tables, self.docker_tables)


@rule(desc="Find which registries are configured", level=LogLevel.TRACE)
async def configured_registries(options: _Options, oci: OciSubsystem) -> ConfiguredRegistries:
    tables: Mapping[str, Any] | None = {}
    if oci.docker_registries:
        # Asked for by its name: to import the backend for its options would cost those who have none.
        known = options.options.is_known_scope(_DOCKER_SCOPE)
        tables = options.options.for_scope(_DOCKER_SCOPE).registries if known else None
    return ConfiguredRegistries(oci.registry_tables, tables)


def rules() -> Iterable[object]:
    return collect_rules()

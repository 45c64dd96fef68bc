"""The configured registries: `[oci.registries]`, and Docker's with `[oci].docker_registries`."""

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
    """The tables as written. Their errors are reported where they are used."""

    tables: Mapping[str, Any]
    # None if they are requested, but the Docker backend is not enabled.
    docker_tables: Mapping[str, Any] | None

    @property
    def registries(self) -> Registries:
        """Parse the tables. Raises InvalidInput for an invalid table, and for a registry that both options have."""
        if self.docker_tables is None:
            raise InvalidInput(
                "[oci].docker_registries = true uses the option [docker].registries, which requires the backend "
                '"pants.backend.docker": enable it in [GLOBAL].backend_packages, or write the registries into '
                "[oci.registries]."
            )
        return Registries.from_option(self.tables, self.docker_tables)


@rule(desc="Read the configured registries", level=LogLevel.TRACE)
async def configured_registries(options: _Options, oci: OciSubsystem) -> ConfiguredRegistries:
    tables: Mapping[str, Any] | None = {}
    if oci.docker_registries:
        # Looked up by name, because importing the backend would slow down builds that do not use it.
        known = options.options.is_known_scope(_DOCKER_SCOPE)
        tables = options.options.for_scope(_DOCKER_SCOPE).registries if known else None
    return ConfiguredRegistries(oci.registry_tables, tables)


def rules() -> Iterable[object]:
    return collect_rules()

"""Registry options as a sandbox reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pants.base.build_environment import get_buildroot

from ocikit.registry.options import RegistryOptions
from pants_oci.sandbox.configured_registries import ConfiguredRegistries


def registries_document(configured: ConfiguredRegistries) -> dict[str, Any]:
    """The root of `oci:` addresses, and the options of each registry that has any. Raises InvalidInput."""
    return {"root": get_buildroot(), "registries": registry_settings(configured)}


def registry_settings(configured: ConfiguredRegistries) -> Mapping[str, Any]:
    """The options of each registry that has any, by its host. Raises InvalidInput."""
    return {name: _absolute(options).to_json() for name, options in configured.registries.options().items()}


def _absolute(options: RegistryOptions) -> RegistryOptions:
    """Make paths absolute: they are relative to the build root, but read in a sandbox."""
    names = ("ca_file", "client_certificate", "client_key")
    files: Any = {name: os.path.join(get_buildroot(), path) for name in names if (path := getattr(options, name))}
    return replace(options, **files)

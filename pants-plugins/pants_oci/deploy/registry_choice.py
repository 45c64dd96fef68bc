"""The registry that a deployment pulls from, among those that an `oci_push` publishes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ocikit.errors import InvalidInput
from ocikit.manifests.pants_url import SCHEME
from pants_oci.registries import Registry
from pants_oci.targets.deployment import OciDeploymentRegistryField
from pants_oci.targets.push import OciPushRegistriesField


def choose_registry(push: str, registries: Sequence[Registry], named: str | None, default: str | None) -> Registry:
    """The registry with the alias or address `named`, else the only one, else the one that `default` names.

    Pure. `push`: the address of the target that publishes to `registries`. A registry that nodes cannot pull from
    counts only if it is named. Raises InvalidInput.
    """
    pullable = [registry for registry in registries if registry.is_pullable]
    if not named and len(pullable) == 1:
        return pullable[0]
    name = named or (default if pullable else None)
    if name:
        registries = [registry for registry in registries if _is_named(registry, name)] or _none(push, registries, name)
        pullable = [registry for registry in registries if registry.is_pullable]
    elif pullable:
        raise InvalidInput(
            f"{push} publishes to several registries: {_listed(pullable)}. Name one, such as "
            f'"{SCHEME}{push}?registry={pullable[0].alias or pullable[0].address}", or set '
            f"`{OciDeploymentRegistryField.alias}` of the deployment for all of its images."
        )
    if not pullable:
        raise InvalidInput(_unpullable(push, registries))
    return pullable[0]


def _is_named(registry: Registry, name: str) -> bool:
    alias = name[1:] if name.startswith("@") else name
    return alias == registry.alias or name.rstrip("/") in (registry.address, registry.pull_address)


def _none(push: str, registries: Iterable[Registry], name: str) -> list[Registry]:
    raise InvalidInput(f'{push} does not publish to the registry "{name}"; available: {_listed(registries)}.')


def _unpullable(push: str, registries: Sequence[Registry]) -> str:
    if not registries:
        return f"{push} publishes to no registry; name one in its `{OciPushRegistriesField.alias}`."
    entry = registries[0].option if registries[0].alias else "an entry of [oci.registries] for it"
    return (
        f"{push} publishes to {_listed(registries)}, a directory of layouts, from which no node can pull. "
        f"Publish to a registry or, if the layouts are copied to one, set `pull_address` in {entry}."
    )


def _listed(registries: Iterable[Registry]) -> str:
    return ", ".join(f"{r.address} (@{r.alias})" if r.alias else r.address for r in registries)

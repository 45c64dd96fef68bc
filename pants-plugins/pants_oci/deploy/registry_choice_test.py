from __future__ import annotations

import pytest

from ocikit.errors import InvalidInput
from pants_oci.deploy.registry_choice import choose_registry
from pants_oci.registries import Registry

GHCR = Registry("ghcr.io/acme", "ghcr")
HUB = Registry("docker.io")
LAYOUTS = Registry("oci:dist/registry", "local")
COPIED = Registry("oci:dist/kind", "kind", pull_address="kind.local:5000")


@pytest.mark.parametrize(
    "registries, named, default, chosen",
    [
        pytest.param([GHCR], None, None, GHCR, id="the-only-one"),
        pytest.param([GHCR], None, "other", GHCR, id="the-only-one-with-another-default"),
        pytest.param([GHCR, LAYOUTS], None, None, GHCR, id="layouts-do-not-count"),
        pytest.param([LAYOUTS, COPIED], None, None, COPIED, id="layouts-that-are-copied-do"),
        pytest.param([GHCR, HUB], None, "docker.io", HUB, id="default-address"),
        pytest.param([GHCR, HUB], None, "@ghcr", GHCR, id="default-alias"),
        pytest.param([GHCR, HUB], "ghcr", "docker.io", GHCR, id="alias-before-the-default"),
        pytest.param([GHCR, HUB], "@ghcr", None, GHCR, id="alias-as-in-a-BUILD-file"),
        pytest.param([GHCR, HUB], "ghcr.io/acme/", None, GHCR, id="address-with-a-slash"),
        pytest.param([GHCR, COPIED], "kind.local:5000", None, COPIED, id="pull-address"),
        pytest.param([GHCR, COPIED], "oci:dist/kind", None, COPIED, id="layouts-by-address"),
    ],
)
def test_a_registry_is_chosen(
    registries: list[Registry], named: str | None, default: str | None, chosen: Registry
) -> None:
    assert choose_registry("web:push", registries, named, default) == chosen


@pytest.mark.parametrize(
    "registries, named, default, parts",
    [
        pytest.param([], None, None, ["web:push publishes to no registry", "`registries`"], id="none"),
        pytest.param([], None, "ghcr", ["web:push publishes to no registry"], id="none-with-a-default"),
        pytest.param(
            [GHCR, HUB, LAYOUTS],
            None,
            None,
            ["ghcr.io/acme (@ghcr), docker.io.", '"pants://web:push?registry=ghcr"'],
            id="several",
        ),
        pytest.param([GHCR, HUB], "quay", None, ['"quay"', "ghcr.io/acme (@ghcr), docker.io"], id="another"),
        pytest.param([GHCR, HUB], None, "quay", ['"quay"', "docker.io"], id="default-is-another"),
        pytest.param([GHCR], "quay", None, ['"quay"', "ghcr.io/acme"], id="another-than-the-only-one"),
        pytest.param(
            [LAYOUTS],
            None,
            None,
            ["oci:dist/registry (@local)", "`pull_address` in [oci.registries.local]"],
            id="layouts",
        ),
        pytest.param([GHCR, LAYOUTS], "local", None, ["no node can pull"], id="layouts-are-named"),
        pytest.param([Registry("oci:x")], None, None, ["oci:x", "an entry of [oci.registries]"], id="layouts-no-entry"),
    ],
)
def test_errors_list_the_registries(
    registries: list[Registry], named: str | None, default: str | None, parts: list[str]
) -> None:
    with pytest.raises(InvalidInput) as raised:
        choose_registry("web:push", registries, named, default)
    for part in parts:
        assert part in str(raised.value)

from __future__ import annotations

from typing import Any

import pytest

from ocikit.errors import InvalidInput
from pants_oci.registries import ALL_DEFAULT_REGISTRIES, Registries, split_host

TABLES: dict[str, Any] = {
    "ghcr": {"address": "ghcr.io/acme", "default": True},
    "local": {"address": "oci:dist/registry", "default": "true"},
    "lab": {"address": "lab.example:5000", "insecure": True, "repository": "all/{name}"},
}


@pytest.mark.parametrize(
    "names, addresses",
    [
        pytest.param((ALL_DEFAULT_REGISTRIES,), ("ghcr.io/acme", "oci:dist/registry"), id="all"),
        pytest.param(("@lab",), ("lab.example:5000",), id="alias"),
        pytest.param(("@lab", "lab.example:5000"), ("lab.example:5000",), id="once"),
        pytest.param(("other.example",), ("other.example",), id="address"),
        pytest.param(
            ("@lab", ALL_DEFAULT_REGISTRIES),
            ("lab.example:5000", "ghcr.io/acme", "oci:dist/registry"),
            id="all-and-one",
        ),
    ],
)
def test_select(names: tuple[str, ...], addresses: tuple[str, ...]) -> None:
    selected = Registries.from_option(TABLES).select(names)
    assert tuple(registry.address for registry in selected) == addresses


def test_an_address_in_a_build_file_has_the_settings_of_its_alias() -> None:
    (registry,) = Registries.from_option(TABLES).select(("lab.example:5000",))
    assert registry.options.insecure


def test_trusted_hosts() -> None:
    table = {"address": "a.example", "trusted_hosts": ["auth.internal", "s.internal:9000"]}
    (registry,) = Registries.from_option({"x": table}).configured
    assert registry.options.trusted_hosts == ("auth.internal", "s.internal:9000")
    with pytest.raises(InvalidInput, match=r"^\[oci\.registries\.x\]: expected host\[:port\]"):
        Registries.from_option({"x": {"address": "a.example", "trusted_hosts": ["http://s.internal"]}})
    with pytest.raises(InvalidInput, match=r"^\[oci\.registries\.x\]\.trusted_hosts must be a list of strings"):
        Registries.from_option({"x": {"address": "a.example", "trusted_hosts": "s.internal"}})


def test_docker_hub_when_nothing_is_configured() -> None:
    (registry,) = Registries.from_option({}).select((ALL_DEFAULT_REGISTRIES,))
    assert registry.destination("acme/web").address == "docker.io/acme/web"
    assert registry.destination("web").address == "docker.io/library/web"


@pytest.mark.parametrize(
    "alias, repository, address",
    [
        pytest.param("@ghcr", "shop/web", "ghcr.io/acme/shop/web", id="path-in-the-address"),
        pytest.param("@local", "shop/web", "oci:dist/registry/shop/web", id="layouts"),
        pytest.param("@lab", "web", "lab.example:5000/web", id="port"),
    ],
)
def test_destination(alias: str, repository: str, address: str) -> None:
    (registry,) = Registries.from_option(TABLES).select((alias,))
    assert registry.destination(repository).address == address


@pytest.mark.parametrize(
    "table, address",
    [
        pytest.param({"address": "a.example:5000/x"}, "a.example:5000/x/shop/web", id="address"),
        pytest.param({"address": "docker.io"}, "docker.io/shop/web", id="docker-hub"),
        pytest.param({"address": "oci:dist"}, None, id="layouts"),
        pytest.param(
            {"address": "oci:dist", "pull_address": "b.example/y/"}, "b.example/y/shop/web", id="copied-layouts"
        ),
        pytest.param({"address": "localhost:5001", "pull_address": "kind:5000"}, "kind:5000/shop/web", id="two-names"),
    ],
)
def test_pulled_from(table: dict[str, Any], address: str | None) -> None:
    (registry,) = Registries.from_option({"x": table}).configured
    found = registry.pulled_from("shop/web")
    assert (found.address if found else None) == address
    assert registry.is_pullable == bool(address)


@pytest.mark.parametrize("alias", ["@ghcr", "@local"])
@pytest.mark.parametrize(
    "repository",
    [
        pytest.param("Shop/Web", id="upper-case"),
        pytest.param("shop//web", id="empty-component"),
        pytest.param("../web", id="climbs-out"),
        pytest.param("web:1.0", id="with-a-tag"),
        pytest.param("", id="empty"),
    ],
)
def test_destination_rejects_an_invalid_name(alias: str, repository: str) -> None:
    (registry,) = Registries.from_option(TABLES).select((alias,))
    with pytest.raises(InvalidInput):
        registry.destination(repository)


@pytest.mark.parametrize(
    "tables, names, message",
    [
        pytest.param(TABLES, ("@gchr",), "available: @ghcr, @lab, @local", id="unknown-alias"),
        pytest.param(
            {"lab": {"address": "lab.example"}},
            (ALL_DEFAULT_REGISTRIES,),
            "no registry in [oci].registries has `default = true`",
            id="no-default",
        ),
        pytest.param({"x": "ghcr.io"}, (), "[oci.registries.x] must be a table", id="not-a-table"),
        pytest.param({"x": {}}, (), '[oci.registries.x] has no "address"', id="no-address"),
        pytest.param({"x": {"address": "a.example", "adress": ""}}, (), "unknown key adress", id="misspelt"),
        pytest.param(
            {"x": {"address": "a.example", "default": "yes"}},
            (),
            "[oci.registries.x].default must be true or false, got 'yes'",
            id="not-a-boolean",
        ),
        pytest.param(
            {"x": {"address": "https://a.example"}},
            (),
            '[oci.registries.x].address: "https://a.example" is not the address of a registry',
            id="scheme",
        ),
        pytest.param({}, ("shop/web",), '"shop/web" is not the address of a registry', id="no-host"),
        pytest.param({}, ("oci:",), '"oci:" is not the address', id="no-directory"),
        pytest.param(
            {"x": {"address": "a.example", "extra_image_tags": "latest"}},
            (),
            "[oci.registries.x].extra_image_tags must be a list of strings, got 'latest'",
            id="not-a-list",
        ),
        pytest.param(
            {"x": {"address": "a.example", "repository": 5}},
            (),
            "[oci.registries.x].repository must be a string, got 5",
            id="not-a-string",
        ),
        pytest.param(
            {"x": {"address": "oci:x", "pull_address": "oci:y"}},
            (),
            '[oci.registries.x].pull_address is "oci:y": nodes pull from registries',
            id="pull-address-is-a-directory",
        ),
        pytest.param(
            {"x": {"address": "oci:x", "pull_address": "team"}},
            (),
            '[oci.registries.x].pull_address: "team" is not the address of a registry',
            id="pull-address-without-a-host",
        ),
        pytest.param(
            {"x": {"address": "oci:x", "pull_address": True}},
            (),
            "[oci.registries.x].pull_address must be a string, got True",
            id="pull-address-is-not-a-string",
        ),
        pytest.param(
            {"x": {"address": "a.example"}, "y": {"address": "a.example/"}},
            (),
            'have the same address "a.example"',
            id="twice",
        ),
    ],
)
def test_invalid_settings(tables: dict[str, Any], names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Registries.from_option(tables).select(names)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text, parts",
    [
        pytest.param("shop/web", (None, "shop/web"), id="none"),
        pytest.param("web", (None, "web"), id="one-component"),
        pytest.param("ghcr.io/acme/web", ("ghcr.io", "acme/web"), id="dot"),
        pytest.param("localhost/web", ("localhost", "web"), id="localhost"),
        pytest.param("registry:5000/web", ("registry:5000", "web"), id="port"),
        pytest.param("Shop/web", (None, "Shop/web"), id="upper-case"),
    ],
)
def test_split_host(text: str, parts: tuple[str, str]) -> None:
    assert split_host(text) == parts


@pytest.mark.parametrize(
    "known_as, own",
    [
        pytest.param("nodes.example/shop/web", "lab.example/team/shop/web", id="pull-address"),
        pytest.param("nodes.example:80/web", "nodes.example:80/web", id="another-port"),
        pytest.param("lab.example/team/web", "lab.example/team/web", id="own"),
        pytest.param("copies.example/web", "oci:dist/web", id="layouts"),
        pytest.param("elsewhere.example/web", "elsewhere.example/web", id="unknown"),
    ],
)
def test_own_destination(known_as: str, own: str) -> None:
    tables = {
        "lab": {"address": "lab.example/team", "pull_address": "nodes.example"},
        "local": {"address": "oci:dist", "pull_address": "copies.example"},
    }
    assert Registries.from_option(tables).own_destination(known_as).address == own


DOCKER: dict[str, Any] = {"shared": {"address": "team.example", "default": True, "use_local_alias": True}}


def test_docker_registries_are_used_as_well() -> None:
    registries = Registries.from_option({"local": {"address": "oci:dist", "default": True}}, DOCKER)
    assert [r.address for r in registries.select((ALL_DEFAULT_REGISTRIES,))] == ["oci:dist", "team.example"]
    assert registries.select(("@shared",))[0].option == "[docker.registries.shared]"


@pytest.mark.parametrize(
    "own, docker, messages",
    [
        pytest.param(
            {"shared": {"address": "other.example"}},
            DOCKER,
            ["[docker.registries.shared] and [oci.registries.shared]", 'alias "shared"', "remove it from [oci.reg"],
            id="alias",
        ),
        pytest.param(
            {"mine": {"address": "team.example/"}},
            DOCKER,
            ["[docker.registries.shared] and [oci.registries.mine]", 'address "team.example"', "docker_registries off"],
            id="address",
        ),
        pytest.param(
            {},
            {"x": {"address": "a.example", "insecure": True}},
            ["[docker.registries.x] has the unknown key insecure"],
            id="key",
        ),
        pytest.param({}, {"x": {}}, ['[docker.registries.x] has no "address"'], id="no-address"),
    ],
)
def test_invalid_docker_registries(own: dict[str, Any], docker: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Registries.from_option(own, docker)
    assert [message for message in messages if message not in str(caught.value)] == []

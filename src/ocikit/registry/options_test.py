from __future__ import annotations

import json
from typing import Any

import pytest

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.registry.client import RegistryClient
from ocikit.registry.options import RegistryOptions, split_mirror
from ocikit.testing.scripted_transport import ScriptedTransport


@pytest.mark.parametrize(
    "options",
    [
        RegistryOptions(),
        RegistryOptions(
            True,
            "ca.pem",
            "cert.pem",
            "key.pem",
            "/a/b",
            ("m.example:5000/hub", "[::1]:5000"),
            ("s.example", "10.0.0.1:9000"),
        ),
    ],
    ids=["default", "all"],
)
def test_json_keeps_everything(options: RegistryOptions) -> None:
    assert RegistryOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


@pytest.mark.parametrize(
    "mirror, parts",
    [
        ("m.example", ("m.example", "")),
        ("m.example:5000", ("m.example:5000", "")),
        ("m.example/docker/hub", ("m.example", "/docker/hub")),
        ("[::1]:5000/hub", ("[::1]:5000", "/hub")),
        ("https://m.example", None),
        ("m.example/", None),
        ("m.example//a", None),
        ("user:secret@m.example", None),
        ("m.example?x=1", None),
        ("m.example:５０００", None),
        ("", None),
    ],
)
def test_mirrors(mirror: str, parts: Any) -> None:
    if parts:
        assert split_mirror(mirror) == parts
        assert RegistryOptions(mirrors=(mirror,)).mirrors == (mirror,)
        return
    with pytest.raises(InvalidInput, match="expected a mirror host"):
        RegistryOptions(mirrors=(mirror,))


@pytest.mark.parametrize(
    "host, expected",
    [
        ("s.example", ("s.example", None)),
        ("S.example:9000", ("s.example", 9000)),
        ("10.0.0.1:443", ("10.0.0.1", 443)),
        ("[0:0::1]", ("::1", None)),
        ("[::1]:80", ("::1", 80)),
        ("https://s.example", None),
        ("s.example/path", None),
        ("user@s.example", None),
        ("s.example:0", None),
        ("s.example:x", None),
        ("s.example:８０", None),
        ("[:::]", None),
        ("", None),
    ],
)
def test_trusted_hosts(host: str, expected: Any) -> None:
    if expected:
        assert RegistryOptions(trusted_hosts=(host,)).trusted == (expected,)
        return
    with pytest.raises(InvalidInput, match="expected host"):
        RegistryOptions(trusted_hosts=(host,))


def test_mirrors_are_trusted() -> None:
    with pytest.raises(InvalidInput, match="expected host"):
        RegistryOptions(mirrors=("m.example:0",))
    assert RegistryOptions(mirrors=("m.example:5000/hub", "n.example")).trusted == (
        ("m.example", 5000),
        ("n.example", None),
    )


@pytest.mark.parametrize("prefix", ["registry", "/registry/", "/", "/a b", "/a?b", "//a"])
def test_invalid_prefixes(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="path_prefix"):
        RegistryOptions(path_prefix=prefix)


def test_a_key_needs_a_certificate() -> None:
    with pytest.raises(InvalidInput, match="client_certificate"):
        RegistryOptions(client_key="key.pem")


def test_unknown_options() -> None:
    with pytest.raises(InvalidContent, match="insecur"):
        RegistryOptions.from_json({"insecur": True})


def test_a_mirror_does_not_get_the_client_certificate() -> None:
    options = RegistryOptions(True, "ca.pem", "cert.pem", "key.pem", "/own", ("m.example",), ("s.example",))
    assert options.for_mirror("/hub") == RegistryOptions(True, "ca.pem", path_prefix="/hub")


@pytest.mark.parametrize(
    "options, base",
    [
        pytest.param(RegistryOptions(), "http://localhost:5000", id="this-machine"),
        pytest.param(RegistryOptions(ca_file="ca.pem"), "https://localhost:5000", id="an-authority"),
        pytest.param(RegistryOptions(client_certificate="me.pem"), "https://localhost:5000", id="a-client-certificate"),
    ],
)
def test_certificates_are_for_tls_on_this_machine_too(options: RegistryOptions, base: str) -> None:
    assert RegistryClient("localhost:5000", options=options, transport=ScriptedTransport([])).base == base

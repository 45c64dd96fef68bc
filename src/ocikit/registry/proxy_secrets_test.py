"""The credentials of proxies are secrets, too."""

from __future__ import annotations

import pytest

from ocikit.registry.client import RegistryClient


@pytest.mark.parametrize(
    "value, text, shown",
    [
        (
            "http://robot:planted@proxy.example:3128",
            "robot planted cm9ib3Q6cGxhbnRlZA==",
            "robot [secret] [secret]==",
        ),
        ("http://robot:pl%40nted@proxy.example", "pl@nted pl%40nted", "[secret] [secret]"),
        ("robot:planted@proxy.example", "planted", "[secret]"),
        ("http://proxy.example:3128", "planted", "planted"),
    ],
)
def test_credentials_of_a_proxy_are_hidden(value: str, text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", value)
    with RegistryClient("r.example") as client:
        assert client.scrubber.scrubbed(text) == shown

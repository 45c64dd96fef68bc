"""A proxy is told who we are, too."""

from __future__ import annotations

import pytest

from ocikit.registry.client import RegistryClient


@pytest.mark.parametrize(
    "value, told, shown",
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
def test_what_a_proxy_is_told_is_hidden(value: str, told: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", value)
    with RegistryClient("r.example") as client:
        assert client.scrubber.scrubbed(told) == shown

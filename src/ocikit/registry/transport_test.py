from __future__ import annotations

import pytest

from ocikit.errors import NetworkError
from ocikit.registry.client import RegistryClient
from ocikit.testing.fake_registry import FakeRegistry


def _reason(client: RegistryClient) -> str:
    with client, pytest.raises(NetworkError) as raised:
        client.ping()
    return str(raised.value)


def test_refused() -> None:
    assert _reason(RegistryClient("127.0.0.1:1")) == ("GET http://127.0.0.1:1/v2/: the connection was refused.")


def test_not_tls() -> None:
    with FakeRegistry() as registry:
        reason = _reason(RegistryClient(registry.address, scheme="https"))
    assert reason.startswith(f"GET https://{registry.address}/v2/: TLS failed (")


def test_a_proxy_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:planted@127.0.0.1:1")
    assert _reason(RegistryClient("r.example")) == (
        "GET https://r.example/v2/: through the proxy: the connection was refused."
    )


@pytest.mark.parametrize("host", ["a..example", "a b", "x" * 64 + ".example"])
def test_names_that_cannot_be(host: str) -> None:
    assert f"GET https://{host}/v2/: " in _reason(RegistryClient(host))

from __future__ import annotations

import os
import ssl

import pytest

from ocikit.errors import NetworkError
from ocikit.registry.address_policy import Privacy
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import Request
from ocikit.registry.options import RegistryOptions
from ocikit.registry.tls import tls_context
from ocikit.registry.transport import HttpTransport
from ocikit.testing.fake_hosts import ADDRESSES, FakeHosts
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
def test_invalid_names(host: str) -> None:
    assert f"GET https://{host}/v2/: " in _reason(RegistryClient(host))


def test_redirects_to_many_hosts_keep_few_connections() -> None:
    with FakeHosts(lambda host: [ADDRESSES[Privacy.PUBLIC]]) as hosts:
        transport = HttpTransport(connector=hosts.connector())
        before = len(os.listdir("/dev/fd"))
        for number in range(300):
            transport.send(Request("GET", f"http://host-{number}.example/")).body.close()
        # Both ends of each connection are ours.
        assert len(os.listdir("/dev/fd")) - before < 250
        transport.send(Request("GET", "http://host-0.example/")).body.close()
        transport.close()


def test_authorities_are_read_once_for_all_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def counting(options: RegistryOptions, *, with_certificate: bool) -> ssl.SSLContext:
        made.append(with_certificate)
        return tls_context(options, with_certificate=with_certificate)

    monkeypatch.setattr("ocikit.registry.transport.tls_context", counting)
    transport = HttpTransport(home="https://127.0.0.1:1")
    for port in range(1, 20):
        with pytest.raises(NetworkError):
            transport.send(Request("GET", f"https://127.0.0.1:{port}/"))
    assert made == [False]

"""The origin computed from an address is the one that sockets connect to: hostile addresses, real connections."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import example, given

from ocikit.errors import NetworkError, OcikitError, ProtocolViolation
from ocikit.registry.address_policy import Privacy
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.deadline import Limits
from ocikit.registry.http import RawResponse, Request, Response, origin, redirected
from ocikit.registry.options import RegistryOptions
from ocikit.registry.protocol import upload_location
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.registry.transport import HttpTransport
from ocikit.testing.examples import examples
from ocikit.testing.fake_hosts import ADDRESSES, FakeHosts
from ocikit.testing.fake_http import FakeAnswer
from ocikit.testing.hostile_urls import hostile_urls

_ASKED = Request("GET", "http://r.example:5803/v2/a/manifests/x").authorized(Secret("Bearer planted"))
_OWN = ("http", "r.example", 5803)


@pytest.fixture(scope="module")
def everywhere() -> Iterator[FakeHosts]:
    """Every name resolves to this server, so that every connection succeeds."""
    with FakeHosts(lambda host: [ADDRESSES[Privacy.PUBLIC]], lambda received: FakeAnswer(200)) as hosts:
        yield hosts


@examples(300)
@given(location=hostile_urls())
@example(location="http://127.0.0.2:5804\\@r.example:5803/x")
@example(location="//r.example:05803/..//evil.example/?%zz")
@example(location="http://r.example//:65536")
@example(location="http://cdn.example/a%2fb%2Fc?sig=%2b+%3D=~|*&se=2026%3a00Z&x[]=%zz")
def test_connections_go_to_the_computed_origin(everywhere: FakeHosts, location: str) -> None:
    try:
        following = redirected(Response(_ASKED, 307, {"location": location}))
        assert upload_location(Response(_ASKED, 202, {"location": location})) == (following.url if following else "")
    except ProtocolViolation:
        return
    assert following
    everywhere.looked_up.clear()
    everywhere.received.clear()
    transport = HttpTransport(connector=everywhere.connector(), limits=Limits(silence=5))
    try:
        transport.send(following).body.close()
    except NetworkError:
        # The server does not support TLS, but the connection was made.
        assert following.url.startswith("https:")
    finally:
        transport.close()
    scheme, host, port = origin(following.url)
    assert everywhere.looked_up == [(host, port)]
    assert bool(following.authorization) is ((scheme, host, port) == _OWN)
    if scheme == "https":
        assert everywhere.received == []
        return
    (received,) = everywhere.received
    shown = f"[{host}]" if ":" in host else host
    shown = shown if port == 80 else f"{shown}:{port}"
    assert f"GET {following.url}" == received.line.replace(" ", f" http://{shown}", 1)
    # The dot at the end of a name is for the lookup alone.
    assert received.headers["host"] == shown.replace(".:", ":").rstrip(".")
    assert ("authorization" in received.headers) is ((scheme, host, port) == _OWN)


class _Registry:
    """A transport that plays a registry with token server; `realm` is a header's value."""

    def __init__(self, realm: str) -> None:
        self.asked: list[Request] = []
        self._realm = realm.replace("\\", "\\\\").replace('"', '\\"')

    def send(self, request: Request) -> RawResponse:
        self.asked.append(request)
        if len(self.asked) == 1:
            return RawResponse(401, {"www-authenticate": f'Bearer realm="{self._realm}"'}, io.BytesIO())
        return RawResponse(200, {}, io.BytesIO(b'{"token":"t"}'))


@examples(300)
@given(realm=hostile_urls())
def test_credentials_go_to_the_own_host_or_by_tls_and_tokens_to_the_registry_alone(realm: str) -> None:
    registry = _Registry(realm)
    found = Lookup(Credentials("bob", Secret("planted")), "a file")
    client = RegistryClient(
        "r.example",
        options=RegistryOptions(insecure=True),
        transport=registry,
        credentials=lambda registry, path: found,
    )
    try:
        client.ask(Request("GET", "http://r.example/v2/"), Access(), 200)
    except OcikitError:
        assert len(registry.asked) == 1
        return
    _, token, again = registry.asked
    scheme, host, _ = origin(token.url)
    assert token.authorization
    assert scheme == "https" or host == "r.example"
    assert again.url == "http://r.example/v2/"

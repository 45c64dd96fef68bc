"""Connections never go to a more private address than that of the host that named it.

The tests use real sockets and invented names.
"""

from __future__ import annotations

import io
import itertools
import socket
from typing import Any

import pytest

from ocikit.errors import Misdirected, NetworkError, OcikitError
from ocikit.registry import protocol
from ocikit.registry.address_policy import Privacy
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import Request
from ocikit.registry.options import RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.transport import HttpTransport
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.reference import Repository
from ocikit.testing.fake_hosts import ADDRESSES, FakeHosts, Received
from ocikit.testing.fake_http import FakeAnswer

_ACCESS = Access("a", ("repository:a:pull",))
_INSECURE = RegistryOptions(insecure=True)
_PUBLIC, _PRIVATE, _LINK_LOCAL, _LOOPBACK, _NOWHERE = (ADDRESSES[privacy] for privacy in Privacy)


def _client(hosts: FakeHosts, options: RegistryOptions = _INSECURE) -> RegistryClient:
    connector = hosts.connector("http://r.example", options.trusted)
    transport = HttpTransport(options=options, home="http://r.example", connector=connector)
    return RegistryClient("r.example", options=options, transport=transport, sleep=lambda seconds: None)


def _realm(url: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="{url}"'}


def _leading_to(url: str) -> dict[str, FakeAnswer]:
    """The responses of a registry that names `url` in every possible way."""
    return {
        "GET /v2/a/blobs/redirect": FakeAnswer(307, {"Location": url}),
        "GET /v2/a/blobs/realm": FakeAnswer(401, _realm(url)),
        "POST /v2/a/blobs/uploads/": FakeAnswer(202, {"Location": url}),
    }


def _lead(client: RegistryClient, way: str) -> None:
    if way == "upload":
        started = client.ask(protocol.start_upload(f"{client.base}/v2/a"), _ACCESS, 202)
        client.ask(Request("PUT", protocol.upload_location(started), {}, b"blob"), _ACCESS, 201)
    else:
        client.ask(Request("GET", f"{client.base}/v2/a/blobs/{way}"), _ACCESS, 200)


@pytest.mark.parametrize("way", ["redirect", "realm", "upload"])
@pytest.mark.parametrize(
    "home, there",
    list(itertools.product([p for p in Privacy if p is not Privacy.NOWHERE], Privacy)),
    ids=lambda privacy: privacy.name.lower(),
)
def test_no_host_leads_to_a_more_private_address_than_its_own(way: str, home: Privacy, there: Privacy) -> None:
    answers = _leading_to("http://s.example/there")
    names = {"r.example": [ADDRESSES[home]], "s.example": [ADDRESSES[there]]}
    with FakeHosts(names, lambda received: answers.get(received.line, FakeAnswer(404))) as hosts:
        with pytest.raises(OcikitError) as raised:
            _lead(_client(hosts), way)
        reached = [received for received in hosts.received if "/there" in received.line]
    allowed = there <= home
    assert bool(reached) is allowed
    assert isinstance(raised.value, Misdirected) is not allowed
    if not allowed:
        assert "named from" in str(raised.value) and "s.example" in str(raised.value)
        assert [received.at for received in hosts.received] == [ADDRESSES[home]]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(RegistryOptions(insecure=True, trusted_hosts=("s.example",)), id="any-port"),
        pytest.param(RegistryOptions(insecure=True, trusted_hosts=("S.example:80",)), id="this-port"),
        pytest.param(RegistryOptions(insecure=True, mirrors=("s.example:80/hub",)), id="a-mirror"),
    ],
)
def test_configured_hosts_may_have_any_address(options: RegistryOptions) -> None:
    answers = _leading_to("http://s.example/there")
    names = {"r.example": [_PUBLIC], "s.example": [_LOOPBACK]}
    with (
        FakeHosts(names, lambda received: answers.get(received.line, FakeAnswer(404))) as hosts,
        pytest.raises(OcikitError, match="404"),
    ):
        _lead(_client(hosts, options), "redirect")
    assert [received.at for received in hosts.received] == [_PUBLIC, _LOOPBACK]


def test_another_port_of_a_trusted_host_is_not_trusted() -> None:
    answers = _leading_to("http://s.example:81/there")
    names = {"r.example": [_PUBLIC], "s.example": [_LOOPBACK]}
    options = RegistryOptions(insecure=True, trusted_hosts=("s.example:80",))
    with (
        FakeHosts(names, lambda received: answers.get(received.line, FakeAnswer(404))) as hosts,
        pytest.raises(Misdirected),
    ):
        _lead(_client(hosts, options), "redirect")


def test_the_registry_itself_may_have_any_address() -> None:
    for address in (_PUBLIC, _LOOPBACK):
        with FakeHosts({"r.example": [address]}, lambda received: FakeAnswer(200, body=b"{}")) as hosts:
            _client(hosts).ping()
        assert [received.at for received in hosts.received] == [address]


def test_the_least_private_host_of_a_chain_counts() -> None:
    """A company's registry redirects to a storage on the internet, which redirects to the company again."""

    def answer(received: Received) -> FakeAnswer:
        host = received.headers["host"]
        following = {"r.example": "http://s.example/", "s.example": "http://t.example/"}
        return FakeAnswer(307, {"Location": following[host]}) if host in following else FakeAnswer(200)

    names = {"r.example": [_PRIVATE], "s.example": [_PUBLIC], "t.example": [_PRIVATE]}
    with FakeHosts(names, answer) as hosts:
        with pytest.raises(Misdirected):
            _client(hosts).ping()
        assert [received.at for received in hosts.received] == [_PRIVATE, _PUBLIC]


def test_an_upload_that_goes_from_host_to_host() -> None:
    answers = {
        "r.example": FakeAnswer(202, {"Location": "http://s.example/1"}),
        "s.example": FakeAnswer(202, {"Location": "http://t.example/2"}),
    }
    names = {"r.example": [_PRIVATE], "s.example": [_PUBLIC], "t.example": [_PRIVATE]}
    with FakeHosts(names, lambda received: answers.get(received.headers["host"], FakeAnswer(404))) as hosts:
        client = _client(hosts)
        client.chunk_size = 2
        blob = Descriptor("application/octet-stream", Digest.of(b"blob"), 4)
        repository = RegistryRepository(client, Repository("r.example", "a"), for_push=True)
        with pytest.raises(Misdirected):
            repository.push_blob(blob, lambda: io.BytesIO(b"blob"))
    assert [received.at for received in hosts.received] == [_PRIVATE, _PUBLIC]


def test_a_connection_is_not_reused_by_requests_that_may_not_go_there() -> None:
    def answer(received: Received) -> FakeAnswer:
        path = received.line.split()[1]
        following = {"/v2/near": "http://t.example/", "/v2/far": "http://s.example/", "/": "http://t.example/"}
        if received.headers["host"] == "t.example" or path not in following:
            return FakeAnswer(200)
        return FakeAnswer(307, {"Location": following[path]})

    names = {"r.example": [_PRIVATE], "s.example": [_PUBLIC], "t.example": [_PRIVATE]}
    with FakeHosts(names, answer) as hosts:
        client = _client(hosts)
        near, far = (Request("GET", f"{client.base}/v2/{name}") for name in ("near", "far"))
        client.ask(near, _ACCESS, 200)
        client.ask(near, _ACCESS, 200)
        assert hosts.connections == 2
        with pytest.raises(Misdirected):
            client.ask(far, _ACCESS, 200)
        client.ask(near, _ACCESS, 200)
        assert hosts.connections == 3


def test_a_name_that_changes_its_address_between_check_and_connection() -> None:
    """A name is looked up once for a connection, and the check is of the addresses that were found."""
    answers = _leading_to("http://s.example/there")
    turns = itertools.cycle([[_PUBLIC], [_LOOPBACK]])

    def names(host: str) -> list[str]:
        return [_PUBLIC] if host == "r.example" else next(turns)

    with FakeHosts(
        names, lambda received: answers.get(received.line, FakeAnswer(200, {"Connection": "close"}))
    ) as hosts:
        client = _client(hosts)
        _lead(client, "redirect")
        with pytest.raises(Misdirected):
            _lead(client, "redirect")
        _lead(client, "redirect")
    assert {received.at for received in hosts.received} == {_PUBLIC}
    assert [host for host, _ in hosts.looked_up].count("s.example") == 3


def test_only_the_allowed_addresses_of_a_host_are_used() -> None:
    answers = _leading_to("http://s.example/there")
    names = {"r.example": [_PRIVATE], "s.example": [_LOOPBACK, _LINK_LOCAL, _PRIVATE, _PUBLIC]}
    with FakeHosts(names, lambda received: answers.get(received.line, FakeAnswer(200))) as hosts:
        _lead(_client(hosts), "redirect")
    assert [received.at for received in hosts.received] == [_PRIVATE, _PRIVATE]


def test_the_least_private_address_that_a_registry_was_reached_at_counts() -> None:
    answers = _leading_to("http://s.example/there")
    turns = itertools.chain([[_LOOPBACK], [_PUBLIC]], itertools.repeat([_LOOPBACK]))

    def names(host: str) -> list[str]:
        return next(turns) if host == "r.example" else [_LOOPBACK]

    def answer(received: Received) -> FakeAnswer:
        return answers.get(received.line, FakeAnswer(404, {"Connection": "close"}))

    with FakeHosts(names, answer) as hosts:
        client = _client(hosts)
        for _ in range(2):
            with pytest.raises(OcikitError):
                client.ping()
        with pytest.raises(Misdirected):
            _lead(client, "redirect")


def test_a_host_without_address_is_unreachable() -> None:
    answers = _leading_to("http://s.example/there")
    with FakeHosts({"r.example": [_PUBLIC]}, lambda received: answers.get(received.line, FakeAnswer(404))) as hosts:
        with pytest.raises(NetworkError) as raised:
            _lead(_client(hosts), "redirect")
        assert not isinstance(raised.value, Misdirected)


@pytest.mark.parametrize(
    "there",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.1", "[::1]", "[::ffff:127.0.0.1]", "10.1.2.3", "a.localhost"],
)
def test_a_proxy_is_not_sent_to_hosts_that_are_private_by_name(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy looks names up, so only the name can be checked."""
    answers = {f"GET http://r.example{line[4:]}": found for line, found in _leading_to(f"http://{there}/").items()}
    with FakeHosts({}, lambda received: answers.get(received.line, FakeAnswer(404))) as hosts:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{hosts.port}")
        with pytest.raises(Misdirected):
            # Requests to "localhost" or 127.0.0.1 never use a proxy.
            _lead(RegistryClient("r.example", options=_INSECURE, sleep=lambda seconds: None), "redirect")
    assert [received.line for received in hosts.received] == ["GET http://r.example/v2/a/blobs/redirect"]


def test_a_proxy_may_have_any_address_and_gets_the_canonical_url(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"GET http://r.example/v2/": FakeAnswer(307, {"Location": "HTTP://S.example:080/a/../b%zz?\xe9#f"})}
    with FakeHosts({}, lambda received: answers.get(received.line, FakeAnswer(200))) as hosts:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{hosts.port}")
        RegistryClient("r.example", options=_INSECURE).ping()
    last = hosts.received[-1]
    assert (last.line, last.headers["host"]) == ("GET http://s.example/b%25zz?%E9", "s.example")


def test_no_address_is_looked_up_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver is called once for a connection."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def counted(host: Any, *arguments: Any, **options: Any) -> Any:
        if not arguments[-1] & socket.AI_NUMERICHOST:
            asked.append(host)
        return real(host, *arguments, **options)

    with FakeHosts({}, lambda received: FakeAnswer(200, body=b"{}")) as hosts:
        monkeypatch.setattr(socket, "getaddrinfo", counted)
        RegistryClient(f"localhost:{hosts.port}").ping()
    assert asked == ["localhost"]

"""The faults of a fake registry; tests/registry_conformance_test.py checks the correct behaviour."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any

import pytest

from ocikit.spec.digest import Digest
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal

_START = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: r\r\nContent-Length: 10\r\n\r\n"


def _ask(
    registry: FakeRegistry, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream"
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(registry.address, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def _raw(registry: FakeRegistry) -> socket.socket:
    return socket.create_connection(tuple(registry.address.split(":")), timeout=10)  # type: ignore[arg-type]


def _broken(what: Break, **options: Any) -> Faults:
    return Faults(disturbances=(Disturbance("^POST", what, **options),))


def _received(registry: FakeRegistry, sent: str) -> bytes:
    """Send a request and return all that is received until the connection ends."""
    with _raw(registry) as connection:
        connection.sendall(sent.encode())
        received = b""
        while data := connection.recv(4096):
            received += data
        return received


@pytest.mark.parametrize("what", [Break.RESET, Break.RESET_IN_BODY])
def test_reset(what: Break) -> None:
    with FakeRegistry(faults=_broken(what)) as registry:
        body = "x" * 10 if what is Break.RESET else "x" * 5
        with pytest.raises(ConnectionResetError):
            _received(registry, _START + body)
        assert registry.repositories == {}


def test_requests_are_processed_although_the_response_is_lost_or_cut() -> None:
    for what in (Break.LOST, Break.TRUNCATED):
        with FakeRegistry(faults=_broken(what)) as registry:
            received = _received(registry, _START + "x" * 10)
            assert received.startswith(b"HTTP/1.1 202") is (what is Break.TRUNCATED)
            assert b"\r\n\r\n" not in received
            assert len(registry.repositories["a"].uploads) == 1


def test_stalled() -> None:
    with FakeRegistry(faults=_broken(Break.STALLED)) as registry, _raw(registry) as connection:
        connection.sendall((_START + "x" * 10).encode())
        connection.settimeout(0.05)
        with pytest.raises(socket.timeout):
            connection.recv(1)


def _ends(connection: socket.socket) -> bool:
    """Whether the other side closes or resets a connection before it sends anything."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_refused_until_resumed() -> None:
    with FakeRegistry(faults=_broken(Break.REFUSED)) as registry:
        with _raw(registry) as idle, _raw(registry) as connection:
            connection.sendall((_START + "x" * 10).encode())
            assert _ends(connection)
            assert _ends(idle)
        with pytest.raises(ConnectionRefusedError):
            _raw(registry)
        registry.resume()
        assert _ask(registry, "POST", "/v2/a/blobs/uploads/").status == 202


def test_which_requests_are_refused() -> None:
    refusal = Refusal("^GET /v2/$", 503, times=1, headers=(("Location", "http://r.example{path}"),), skip=1)
    with FakeRegistry(faults=Faults(refusals=(refusal,))) as registry:
        answers = [_ask(registry, "GET", "/v2/") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 503, 200]
        assert answers[1].getheader("Location") == "http://r.example/v2/"
        assert registry.counter.fired(refusal) == 1


def test_an_unexpected_challenge() -> None:
    with FakeRegistry("basic", faults=_broken(Break.UNAUTHORIZED)) as registry:
        header = f"Authorization: {registry.auth.basic}\r\n"
        request = _START.replace("Host", f"{header}Connection: close\r\nHost") + "x" * 10
        assert _received(registry, request).startswith(b"HTTP/1.1 401")
        assert _received(registry, request).startswith(b"HTTP/1.1 202")


def test_too_many_at_a_time() -> None:
    with FakeRegistry(faults=Faults(busy_above=2, delay_seconds=1.0)) as registry:
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(_ask(registry, "GET", "/v2/").status)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [200, 200, 429, 429]
        assert registry.most_at_once == 4
        assert registry.connections == 4


def test_other_addresses() -> None:
    with FakeRegistry(prefix="/registry") as registry:
        assert _ask(registry, "GET", "/v2/").status == 404
        path = "/registry/v2/a/blobs/uploads/"
        location = _ask(registry, "POST", path).getheader("Location")
        assert location is not None and location.startswith(f"{registry.url}{path}")
        registry.faults = Faults(uploads_at="http://s.example", warning="old")
        answer = _ask(registry, "POST", path)
        assert (answer.getheader("Location") or "").startswith(f"http://s.example{path}")
        assert answer.getheader("Warning") == '299 - "old"'
        registry.faults = Faults(redirect_uploads="http://s.example")
        answer = _ask(registry, "PUT", f"{path}1?digest=x")
        assert (answer.status, answer.getheader("Location")) == (307, f"http://s.example{path}1?digest=x")


def test_an_incomplete_image_is_found() -> None:
    with FakeRegistry(faults=Faults(unchecked_manifests=True)) as registry:
        blob = registry.put_blob("a", b"{}")
        data = f'{{"config":{{"digest":"{blob}","size":2}},"layers":[]}}'.encode()
        kind = "application/vnd.oci.image.manifest.v1+json"
        registry.repositories["a"].put_manifest("1", kind, data)
        assert registry.incomplete() == {}
        del registry.repositories["a"].blobs[str(blob)]
        assert registry.incomplete() == {"a:1": str(blob)}


@pytest.mark.parametrize(
    "kind, answered",
    [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", 201),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", 201),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", 201),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 201),
        ("application/vnd.oci.image.layer.v1.tar", 404),
    ],
)
def test_a_missing_layer_that_is_not_distributable(kind: str, answered: int) -> None:
    with FakeRegistry() as registry:
        config = registry.put_blob("a", b"{}")
        manifest = {
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(config), "size": 2},
            "layers": [{"mediaType": kind, "digest": str(Digest.of(b"x")), "size": 1, "urls": ["http://x.example"]}],
        }
        data = json.dumps(manifest).encode()
        put = _ask(registry, "PUT", "/v2/a/manifests/1", data, "application/vnd.oci.image.manifest.v1+json")
        assert put.status == answered
        assert registry.incomplete() == {}
        assert registry.repositories["a"].tags == ({"1": str(Digest.of(data))} if answered == 201 else {})


@pytest.mark.parametrize("layer", [{}, "x", {"digest": "x"}, {"mediaType": 1, "digest": "x", "size": 1}])
def test_an_invalid_layer(layer: object) -> None:
    kind = "application/vnd.oci.image.manifest.v1+json"
    data = json.dumps({"config": {"digest": "x", "size": 1}, "layers": [layer]}).encode()
    with FakeRegistry() as registry:
        assert _ask(registry, "PUT", "/v2/a/manifests/1", data, kind).status == 400


def test_delay() -> None:
    with FakeRegistry(faults=Faults(delay_seconds=0.05)) as registry:
        started = time.monotonic()
        _ask(registry, "GET", "/v2/")
        assert time.monotonic() - started > 0.05

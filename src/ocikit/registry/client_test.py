"""A client beyond one request: retries, redirects, prefixes, warnings, mirrors, shared tokens."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ocikit.errors import NetworkError, NotFound, OcikitError, ProtocolViolation, RegistryError, TooManyRequests
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.deadline import Limits
from ocikit.registry.http import RawResponse, Request
from ocikit.registry.options import RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.retry_policy import RetryBudget
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.registry.transport import HttpTransport
from ocikit.registry.wait_budget import WaitBudget
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.reference import Repository
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal
from ocikit.testing.scripted_transport import Exchange, ScriptedTransport

_URL = "https://r.example/v2/a/manifests/latest"
_CONFIG = b'{"architecture":"amd64","os":"linux"}'
_LAYER = bytes(range(256)) * 1000


def _describe(data: bytes, kind: str = media_type.OCI_LAYER_GZIP) -> Descriptor:
    return Descriptor(kind, Digest.of(data), len(data))


_BLOB = _describe(_LAYER)
_MANIFEST = Manifest.of(_describe(_CONFIG, media_type.OCI_CONFIG), [_BLOB])


def _scripted(script: ScriptedTransport, slept: list[float] | None = None, **options: Any) -> RegistryClient:
    slept = [] if slept is None else slept
    return RegistryClient("r.example", transport=script, sleep=slept.append, jitter=lambda: 1.0, **options)


def _client(registry: FakeRegistry, **options: Any) -> RegistryClient:
    credentials = Credentials("user", Secret("password"))
    return RegistryClient(
        registry.address,
        credentials=lambda name, path: Lookup(credentials if name == registry.address else None, "a test"),
        **{"sleep": lambda seconds: None, "jitter": lambda: 0.0, **options},
    )


def _repository(client: RegistryClient, path: str = "shop/web", *, for_push: bool = False) -> RegistryRepository:
    return RegistryRepository(client, Repository(client.registry, path), for_push=for_push)


def _fill(registry: FakeRegistry, path: str = "shop/web") -> None:
    registry.put_blob(path, _CONFIG)
    registry.put_blob(path, _LAYER)
    registry.put_manifest(path, _MANIFEST, "latest")


def test_retries_end() -> None:
    slept: list[float] = []
    script = ScriptedTransport([Exchange("GET", _URL, 500)] * 5)
    with script, pytest.raises(RegistryError, match="answered 500"):
        _scripted(script, slept).ask(Request("GET", _URL), Access(), 200)
    assert slept == [1, 2, 4, 8]


def test_a_requested_pause_is_made() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    answers = [Exchange("GET", _URL, 429, {"Retry-After": "7"}), Exchange("GET", _URL)]
    with ScriptedTransport(answers) as script:
        client = RegistryClient("r.example", transport=script, sleep=sleep, jitter=lambda: 0.0, clock=lambda: now[0])
        assert client.ask(Request("GET", _URL), Access(), 200).status == 200
    assert slept == [7]


def test_a_pause_that_is_too_long_is_an_error() -> None:
    script = ScriptedTransport([Exchange("GET", _URL, 429, {"Retry-After": "3600"})])
    with script, pytest.raises(TooManyRequests):
        _scripted(script).ask(Request("GET", _URL), Access(), 200)


def test_all_clients_of_a_run_share_the_budget() -> None:
    budget = RetryBudget(1, clock=lambda: 0.0)
    for sent in (2, 1):
        with ScriptedTransport([Exchange("GET", _URL, 500)] * sent) as script, pytest.raises(RegistryError):
            _scripted(script, budget=budget).ask(Request("GET", _URL), Access(), 200)


def test_a_host_that_never_responded_is_not_retried() -> None:
    slept: list[float] = []
    with RegistryClient("127.0.0.1:1", sleep=slept.append) as client, pytest.raises(NetworkError):
        client.ping()
    assert slept == []


def test_a_restart_is_survived() -> None:
    with FakeRegistry() as registry:
        _fill(registry)
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                registry.resume()

        with RegistryClient(registry.address, sleep=sleep, jitter=lambda: 0.0) as client:
            repository = _repository(client)
            assert repository.resolve("latest")
            registry.pause()
            assert repository.resolve("latest") == _MANIFEST.descriptor
        assert len(waits) == 2


@pytest.mark.parametrize("what", [Break.RESET, Break.LOST, Break.TRUNCATED, Break.REFUSED])
@pytest.mark.parametrize("pattern", ["^HEAD", "^GET .*/manifests", "^PUT .*/manifests", "/token"])
def test_a_broken_connection_is_survived(what: Break, pattern: str) -> None:
    with FakeRegistry("token", down_seconds=0.0, faults=Faults(disturbances=(Disturbance(pattern, what),))) as registry:
        _fill(registry)
        never = threading.Event()

        def sleep(seconds: float) -> None:
            never.wait(0.02)

        with RegistryClient(
            registry.address,
            credentials=lambda name, path: Lookup(Credentials("user", Secret("password")), "a test"),
            sleep=sleep,
        ) as client:
            repository = _repository(client)
            client.ping()
            assert repository.fetch_manifest("latest") == _MANIFEST
            repository.push_manifest(_MANIFEST, "1.0")
            assert repository.resolve("1.0") == _MANIFEST.descriptor


def test_a_silent_connection_is_replaced() -> None:

    faults = Faults(disturbances=(Disturbance("^HEAD", Break.STALLED),))
    with FakeRegistry(faults=faults) as registry:
        _fill(registry)
        transport = HttpTransport(limits=Limits(silence=0.2))
        repository = _repository(_client(registry, transport=transport))
        assert repository.resolve("latest") == _MANIFEST.descriptor
        transport.close()
        assert repository.traffic.requests == 2


def test_silence_uses_up_the_budget() -> None:
    faults = Faults(disturbances=(Disturbance("^HEAD", Break.STALLED, None),))
    with FakeRegistry(faults=faults) as registry:
        transport, budget = HttpTransport(limits=Limits(silence=0.2)), RetryBudget(waits=WaitBudget(0.3))
        repository = _repository(_client(registry, transport=transport, budget=budget))
        with pytest.raises(NetworkError, match="no response within 0.2 seconds"):
            repository.resolve("latest")
        transport.close()
        assert repository.traffic.requests == 2


def test_errors_name_only_successes_as_expected() -> None:
    with ScriptedTransport([Exchange("GET", _URL, 204)]) as script, pytest.raises(ProtocolViolation) as raised:
        _scripted(script).ask(Request("GET", _URL), Access(), 200, 201, 404, 503)
    assert str(raised.value).startswith("expected 200 or 201, got 204")


@pytest.mark.parametrize(
    "location",
    ["/v2/a/blobs/uploads/1?x=y", "https://r.example/v2/a/blobs/uploads/1?x=y"],
)
def test_a_missing_prefix_is_added(location: str) -> None:
    start = "https://r.example/registry/v2/a/blobs/uploads/"
    put = f"{start}1?x=y&digest=sha256%3A{Digest.of(b'x').hex}"
    script = [Exchange("POST", start, 202, {"Location": location}), Exchange("PUT", put, 201)]
    with ScriptedTransport(script) as transport:
        client = _scripted(transport, options=RegistryOptions(path_prefix="/registry"))
        _repository(client, "a").push_blob(_describe(b"x"), lambda: io.BytesIO(b"x"))


def test_a_registry_below_a_prefix() -> None:
    options = RegistryOptions(path_prefix="/registry")
    with FakeRegistry("token", prefix="/registry") as registry, _client(registry, options=options) as client:
        repository = _repository(client)
        repository.push_blob(_BLOB, lambda: io.BytesIO(_LAYER))
        repository.push_blob(_MANIFEST.config, lambda: io.BytesIO(_CONFIG))
        repository.push_manifest(_MANIFEST, "latest")
        assert repository.resolve("latest") == _MANIFEST.descriptor


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_follows_a_redirect_without_secrets(status: int) -> None:
    elsewhere = "https://s.example/x?signature=1"
    start = "https://r.example/v2/a/blobs/uploads/"
    put = f"{start}1?digest=sha256%3A{Digest.of(b'x').hex}"
    basic = "Basic dXNlcjpwYXNzd29yZA=="
    script = [
        Exchange("POST", start, 401, {"WWW-Authenticate": 'Basic realm="r"'}),
        Exchange("POST", start, 202, {"Location": f"{start}1"}, authorization=basic),
        Exchange("PUT", put, status, {"Location": elsewhere}, authorization=basic),
        Exchange("PUT", elsewhere, 201, sent=b"x"),
    ]
    credentials = Credentials("user", Secret("password"))
    with ScriptedTransport(script) as transport:
        client = _scripted(transport, credentials=lambda name, path: Lookup(credentials, "a test"))
        _repository(client, "a").push_blob(_describe(b"x"), lambda: io.BytesIO(b"x"))


def test_warnings_are_collected_once_each() -> None:
    texts = [
        '299 - "old", 299 - "a \\"b\\""',
        '299 - "old"',
        '199 - "not for us"',
        "nonsense",
        '299 - "two\x1b[31m lines"',
    ]
    script = [Exchange("GET", _URL, headers={"Warning": text}) for text in texts]
    with ScriptedTransport(script) as transport:
        client = _scripted(transport)
        for _ in texts:
            client.ask(Request("GET", _URL), Access(), 200)
        assert client.warnings == ("old", 'a "b"', "two\\x1b[31m lines")


def test_traffic_counts_all_that_was_sent() -> None:
    faults = Faults(refusals=(Refusal("^PUT .*/blobs", 503, times=1),))
    with FakeRegistry("token", faults=faults) as registry, _client(registry) as client:
        repository, other = _repository(client), _repository(client, "other")
        repository.push_blob(_BLOB, lambda: io.BytesIO(_LAYER))
        assert repository.traffic.requests == len(registry.requests)
        assert repository.traffic.bytes_sent == sum(request.body_size for request in registry.requests)
        assert repository.traffic.bytes_sent == 2 * len(_LAYER)
        other.resolve("latest")
        assert repository.traffic.requests + other.traffic.requests == len(registry.requests)


@pytest.mark.parametrize("auth", ["none", "basic", "token"])
def test_many_threads_authenticate_once(auth: str) -> None:
    with FakeRegistry(auth, faults=Faults(delay_seconds=0.01)) as registry, _client(registry) as client:
        _fill(registry)
        repository = _repository(client)
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(repository.resolve, ["latest"] * 64)) == {_MANIFEST.descriptor}
        once = 0 if auth == "none" else 1
        assert sum(request.status == 401 for request in registry.requests) == once
        assert registry.count("/token") == (auth == "token")
        assert registry.connections <= 16
        registry.auth.revoke_tokens()
        with ThreadPoolExecutor(16) as pool:
            assert None not in set(pool.map(repository.resolve, ["latest"] * 64))
        assert registry.count("/token") == 2 * (auth == "token")


def test_a_token_for_more_serves_for_less() -> None:
    with FakeRegistry("token") as registry, _client(registry) as client:
        _fill(registry)
        _fill(registry, "base")
        pushing, reading = _repository(client, for_push=True), _repository(client)
        assert pushing.resolve("latest")
        assert reading.resolve("latest")
        assert registry.count("/token") == 1
        assert pushing.mount_blob(_BLOB, "base")
        assert registry.count("/token") == 2
        assert _repository(client, "base").resolve("latest")
        assert registry.count("/token") == 2


def test_a_registry_that_is_busy_gets_fewer_requests_and_all_are_answered() -> None:
    # A pause has to be one, or a busy machine uses up all attempts at once.
    pauses: dict[str, Any] = {"sleep": lambda seconds: time.sleep(seconds / 20), "jitter": lambda: 1.0}
    with (
        FakeRegistry(faults=Faults(busy_above=3, delay_seconds=0.005)) as registry,
        _client(registry, **pauses) as client,
    ):
        _fill(registry)
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(_repository(client).resolve, ["latest"] * 200))
        assert found == [_MANIFEST.descriptor] * 200
        assert sum(request.status == 429 for request in registry.requests) < 100


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(None, id="works"),
        pytest.param(Faults(refusals=(Refusal("/v2/", 500),)), id="500"),
        pytest.param(Faults(html=True), id="html"),
        pytest.param(Faults(disturbances=(Disturbance("/v2/", Break.RESET, None),)), id="reset"),
        pytest.param(Faults(refusals=(Refusal("/v2/", 404),)), id="404"),
    ],
)
def test_mirrors_are_read_first(trouble: Faults | None) -> None:
    with FakeRegistry("basic") as registry, FakeRegistry(prefix="/hub") as mirror:
        _fill(registry)
        _fill(mirror)
        mirror.faults = trouble or mirror.faults
        options = RegistryOptions(mirrors=("127.0.0.1:1", f"{mirror.address}/hub"))
        with _client(registry, options=options) as client:
            repository = _repository(client)
            assert repository.resolve("latest") == _MANIFEST.descriptor
            assert repository.fetch_manifest("latest") == _MANIFEST
            with repository.open_blob(_BLOB) as stream:
                assert stream.read() == _LAYER
            assert repository.traffic.requests == len(registry.requests) + len(mirror.requests) + 1
            assert all("authorization" not in request.headers for request in mirror.requests)
            assert bool(registry.requests) is bool(trouble)
            read = len(mirror.requests)
            assert _repository(client, for_push=True).resolve("latest")
            assert len(mirror.requests) == read


def test_content_that_no_mirror_has() -> None:
    with FakeRegistry() as registry, FakeRegistry() as mirror:
        _fill(registry)
        with _client(registry, options=RegistryOptions(mirrors=(mirror.address,))) as client:
            assert _repository(client).resolve("latest") == _MANIFEST.descriptor
            assert _repository(client).resolve("missing") is None
            with pytest.raises(NotFound):
                _repository(client).fetch_manifest("missing")


@pytest.mark.parametrize("offered", [True, False])
def test_several_tags_in_one_put(offered: bool) -> None:
    tags = [f"v{number}" for number in range(12)]
    with FakeRegistry(faults=Faults(multi_tag=offered)) as registry, _client(registry) as client:
        _fill(registry)
        before = len(registry.requests)
        for _ in range(2):
            assert _repository(client).push_with_tags(_MANIFEST, tags) == frozenset(tags if offered else ())
        assert len(registry.requests) - before == (4 if offered else 1)
        assert _repository(client).push_with_tags(_MANIFEST, ["alone"]) == {"alone"}
        assert ("v0" in registry.repositories["shop/web"].tags) is offered
        assert registry.repositories["shop/web"].tags["alone"] == str(_MANIFEST.descriptor.digest)


@pytest.mark.parametrize("status", [400, 405, 414])
def test_tags_that_are_refused_together_are_left_to_the_caller(status: int) -> None:
    with FakeRegistry(faults=Faults(refusals=(Refusal("tag=", status),))) as registry, _client(registry) as client:
        assert _repository(client).push_with_tags(_MANIFEST, ["a", "b"]) == frozenset()


def test_a_mount_that_does_not_happen_is_cancelled() -> None:
    with FakeRegistry(faults=Faults(no_mount=True)) as registry, _client(registry) as client:
        _fill(registry, "base")
        assert not _repository(client).mount_blob(_BLOB, "base")
        assert registry.count("^DELETE") == 1
        assert not registry.repositories["shop/web"].uploads


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_mount_becomes_an_upload(status: int) -> None:
    refusal = Refusal("mount=", status)
    with FakeRegistry(faults=Faults(refusals=(refusal,))) as registry, _client(registry) as client:
        assert not _repository(client).mount_blob(_BLOB, "base")
        assert not _repository(client).mount_blob(_BLOB, "base", lambda: io.BytesIO(_LAYER))
        assert _repository(client).has_blob(_BLOB)


def test_a_blob_is_sent_while_it_is_read_from_the_same_busy_host() -> None:
    """Each of many uploads reads from the registry that it writes to: no thread may wait for itself."""
    with FakeRegistry() as registry, _client(registry) as client:
        _fill(registry, "base")
        base, repository = _repository(client, "base"), _repository(client)
        with ThreadPoolExecutor(24) as pool:
            done = [pool.submit(repository.push_blob, _BLOB, lambda: base.open_blob(_BLOB)) for _ in range(24)]
            for future in done:
                future.result(60)
        assert repository.has_blob(_BLOB)


class _Loop:
    """A transport that redirects every request."""

    def send(self, request: Request) -> RawResponse:
        return RawResponse(307, {"location": request.url + "x"}, io.BytesIO())


def test_only_blobs_follow_a_redirect_to_another_host() -> None:
    with FakeRegistry() as elsewhere:
        redirect = Refusal("^(POST|PUT)", 307, headers=(("Location", f"{elsewhere.url}{{path}}"),))
        with FakeRegistry(faults=Faults(refusals=(redirect,))) as registry, _client(registry) as client:
            repository = _repository(client)
            with pytest.raises(ProtocolViolation, match="got 307"):
                repository.push_blob(_BLOB, lambda: io.BytesIO(_LAYER))
            assert not repository.mount_blob(_BLOB, "base")
            with pytest.raises(ProtocolViolation, match="got 307"):
                repository.push_manifest(_MANIFEST, "latest")
        assert elsewhere.requests == []


def test_redirects_are_limited() -> None:
    client = RegistryClient("r.example", transport=_Loop())
    with pytest.raises(OcikitError, match="more than 10 redirects"):
        client.ask(Request("PUT", _URL), Access(), 200)

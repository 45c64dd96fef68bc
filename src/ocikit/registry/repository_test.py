"""The client against a registry on a socket: authentication, faults, and secrets that are never sent."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import pytest

from ocikit.errors import (
    Denied,
    InvalidContent,
    NetworkError,
    NotFound,
    OcikitError,
    ProtocolViolation,
    RegistryError,
    TooManyRequests,
    Unauthorized,
)
from ocikit.registry.client import RegistryClient
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.reference import Repository
from ocikit.store.store import Opener, copy
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal

_PASSWORD = "planted-secret"
_IDENTITY = "planted-identity"
_LAYER = bytes(range(256)) * 5 * 1024  # 1.25 MiB: more than one read, more than a small chunk
_CONFIG = b'{"architecture":"amd64","os":"linux"}'


def _describe(data: bytes, kind: str = media_type.OCI_LAYER_GZIP) -> Descriptor:
    return Descriptor(kind, Digest.of(data), len(data))


_BLOB = _describe(_LAYER)
_MANIFEST = Manifest.of(_describe(_CONFIG, media_type.OCI_CONFIG), [_BLOB])


def _opener(data: bytes) -> Opener:
    def open_(data: bytes = data) -> AbstractContextManager[BinaryIO]:
        return io.BytesIO(data)

    return open_


def _no_sleep(seconds: float) -> None:
    """`retrying_test.py` tests waiting."""


class _Kind:
    """How a registry authenticates, and the credentials for it."""

    def __init__(self, auth: str, identity: bool = False) -> None:
        self.auth = auth
        self.identity = identity
        self.credentials = Credentials("user", Secret(_PASSWORD))
        if identity:
            self.credentials = Credentials("", Secret(""), Secret(_IDENTITY))

    def registry(self, **options: Any) -> FakeRegistry:
        registry = FakeRegistry(self.auth, password=_PASSWORD, **options)
        registry.auth.identity_token = _IDENTITY
        return registry

    def find(self, registry: str, path: str) -> Lookup:
        return Lookup(self.credentials, "a test")


_KINDS = [
    pytest.param(_Kind("none"), id="no-auth"),
    pytest.param(_Kind("basic"), id="basic"),
    pytest.param(_Kind("token"), id="token"),
    pytest.param(_Kind("token", identity=True), id="identity-token"),
]
_OPEN = _Kind("none")


@contextlib.contextmanager
def _serving(
    kind: _Kind = _OPEN, path: str = "shop/web", **faults: Any
) -> Iterator[tuple[FakeRegistry, RegistryRepository]]:
    with (
        kind.registry(faults=Faults(**faults)) as registry,
        RegistryClient(registry.address, credentials=kind.find, sleep=_no_sleep) as client,
    ):
        yield registry, RegistryRepository(client, Repository(registry.address, path))


def _push_all(repository: RegistryRepository, tag: str = "latest") -> None:
    repository.push_blob(_MANIFEST.config, _opener(_CONFIG))
    repository.push_blob(_BLOB, _opener(_LAYER))
    repository.push_manifest(_MANIFEST, tag)


def _read(repository: RegistryRepository, blob: Descriptor) -> bytes:
    with repository.open_blob(blob) as stream:
        return b"".join(verified(stream, blob.digest, blob.size, "the blob"))


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({}, id="plain"),
        pytest.param({"relative_location": True}, id="relative-location"),
        pytest.param({"require_chunks": True}, id="chunks-required"),
        pytest.param({"max_body": 1024 * 1024}, id="small-chunks-required"),
        pytest.param({"no_digest": True}, id="no-digest-header"),
    ],
)
def test_round_trip(kind: _Kind, faults: dict[str, Any]) -> None:
    with _serving(kind, **faults) as (registry, repository):
        assert repository.resolve("latest") is None
        assert not repository.has_blob(_BLOB)
        _push_all(repository)
        assert repository.resolve("latest") == _MANIFEST.descriptor
        assert repository.fetch_manifest(str(_MANIFEST.descriptor.digest)) == _MANIFEST
        assert repository.has_blob(_BLOB)
        assert _read(repository, _BLOB) == _LAYER
        stored = registry.repositories["shop/web"]
        assert stored.tags == {"latest": str(_MANIFEST.descriptor.digest)}
        assert set(stored.blobs.values()) == {_CONFIG, _LAYER}


@pytest.mark.parametrize("kind", _KINDS)
def test_an_unchanged_tag_costs_one_request(kind: _Kind) -> None:
    with _serving(kind) as (registry, repository):
        _push_all(repository)
        before = len(registry.requests)
        for _ in range(3):
            assert repository.resolve("latest")
        # One more if a token for pulling is needed besides the one for pushing.
        assert len(registry.requests) - before <= (4 if kind.auth == "token" else 3)
        assert registry.count("^HEAD .*/manifests/latest") == 3


def test_one_token_serves_to_pull_and_to_push() -> None:
    kind = _Kind("token")
    with (
        kind.registry() as registry,
        RegistryClient(registry.address, credentials=kind.find, sleep=_no_sleep) as client,
    ):
        repository = RegistryRepository(client, Repository(registry.address, "shop/web"), for_push=True)
        assert repository.resolve("latest") is None
        _push_all(repository)
        assert registry.count("/token") == 1
        assert [r.status for r in registry.requests].count(401) == 1
        registry.auth.revoke_tokens()
        assert repository.resolve("latest") == _MANIFEST.descriptor
        assert registry.count("/token") == 2


def test_a_token_that_expires_during_an_upload() -> None:
    with _serving(_Kind("token")) as (registry, repository):
        _push_all(repository)

        def open_and_revoke() -> AbstractContextManager[BinaryIO]:
            registry.auth.revoke_tokens()
            return io.BytesIO(b"more")

        opened = iter([open_and_revoke, _opener(b"more")])
        repository.push_blob(_describe(b"more"), lambda: next(opened)())  # noqa: PLW0108 - called again, it opens the next one
        assert repository.has_blob(_describe(b"more"))


def test_connections_are_kept() -> None:
    with _serving(_Kind("token")) as (registry, repository):
        _push_all(repository)
        assert repository.resolve("latest")
        assert len({request.client_port for request in registry.requests}) == 1


@pytest.mark.parametrize("kind", _KINDS)
def test_threads_share_a_client(kind: _Kind) -> None:
    with _serving(kind) as (registry, repository):
        errors: list[BaseException] = []

        def push(number: int) -> None:
            try:
                data = b"%d" % number
                repository.push_blob(_describe(data), _opener(data))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=push, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(registry.repositories["shop/web"].blobs) == 8


def test_an_index_and_an_empty_blob() -> None:
    index = ImageIndex.of([_MANIFEST.descriptor])
    with _serving() as (_, repository):
        _push_all(repository)
        repository.push_manifest(index, "all")
        repository.push_blob(_describe(b""), _opener(b""))
        assert repository.fetch_manifest("all") == index
        assert _read(repository, _describe(b"")) == b""
        assert repository.has_blob(_describe(b""))


def test_copy_between_registries_streams() -> None:
    with _serving() as (_, source), _serving(_Kind("token"), "copy") as (registry, destination):
        _push_all(source)
        assert copy(source, destination, "latest", "1.0") == _MANIFEST.descriptor.digest
        assert registry.repositories["copy"].tags["1.0"] == str(_MANIFEST.descriptor.digest)


@pytest.mark.parametrize(
    "wrong, size",
    [
        pytest.param(b"x" * len(_LAYER), None, id="other-bytes"),
        pytest.param(_LAYER[:-1], None, id="too-short"),
        pytest.param(_LAYER + b"x", None, id="too-long"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"small", 5, id="one-chunk"),
    ],
)
@pytest.mark.parametrize("pieces", [False, True], ids=["monolithic", "chunked"])
def test_content_that_is_not_the_blob_is_not_stored(wrong: bytes, size: Any, pieces: bool) -> None:
    blob = Descriptor(_BLOB.media_type, _BLOB.digest, size or _BLOB.size)
    with _serving(require_chunks=pieces) as (registry, repository):
        if pieces:
            repository.push_blob(_MANIFEST.config, _opener(_CONFIG))
        stored = dict(registry.repositories["shop/web"].blobs)
        with pytest.raises(InvalidContent, match=f"the blob {_BLOB.digest}"):
            repository.push_blob(blob, _opener(wrong))
        assert registry.repositories["shop/web"].blobs == stored
        repository.push_blob(_BLOB, _opener(_LAYER))


def test_a_file_that_cannot_be_read() -> None:
    def missing() -> AbstractContextManager[BinaryIO]:
        return open("/nonexistent/file", "rb")

    with _serving() as (_, repository), pytest.raises(InvalidContent, match="cannot be read"):
        repository.push_blob(_BLOB, missing)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"disturbances": (Disturbance("mount=", Break.LOST, None),)}, id="lost"),
        pytest.param({"refusals": (Refusal("mount=", 200, body=b"<html>"),)}, id="a-page"),
        pytest.param({"refusals": (Refusal("mount=", 404),)}, id="no-such-endpoint"),
    ],
)
def test_a_failed_mount_is_not_an_error(faults: dict[str, Any]) -> None:
    with _serving(**faults) as (_, repository):
        assert repository.mount_blob(_BLOB, "base") is False
        assert repository.mount_blob(_BLOB, "base", _opener(_LAYER)) is False
        assert repository.has_blob(_BLOB)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("no_mount", [False, True], ids=["mounts", "does-not-mount"])
def test_mount(kind: _Kind, no_mount: bool) -> None:
    with _serving(kind, no_mount=no_mount) as (registry, repository):
        registry.put_blob("base", _LAYER)
        assert repository.mount_blob(_BLOB, "base") is not no_mount
        assert repository.has_blob(_BLOB) is not no_mount
        assert repository.mount_blob(_BLOB, "base", _opener(_LAYER)) is not no_mount
        assert repository.has_blob(_BLOB)
        sent = sum(r.body_size for r in registry.requests if r.method in ("PUT", "PATCH"))
        assert sent == (len(_LAYER) if no_mount else 0)


def test_the_chunk_size_is_remembered() -> None:
    with _serving(max_body=1024 * 1024) as (registry, repository):
        repository.push_blob(_BLOB, _opener(_LAYER))
        before = registry.count("^POST")
        repository.push_blob(_BLOB, _opener(_LAYER))
        assert registry.count("^POST") == before + 1
        assert {r.status for r in registry.requests[-4:]} == {201, 202}


_REFUSED = [
    pytest.param({"read_only": True}, Denied, "405", id="read-only"),
    pytest.param({"html": True}, ProtocolViolation, "an HTML page", id="html"),
    pytest.param({"wrong_digest": True}, ProtocolViolation, "to be stored", id="wrong-digest"),
    pytest.param({"max_body": 10}, RegistryError, "413", id="too-large"),
    pytest.param({"drop_upload_after": 10}, NetworkError, "closed", id="dropped"),
    *(
        pytest.param({"refusals": (Refusal("^PUT", status),)}, kind, str(status), id=f"status-{status}")
        for status, kind in (
            (400, RegistryError),
            (401, Unauthorized),
            (403, Denied),
            (429, TooManyRequests),
            (500, RegistryError),
            (200, ProtocolViolation),
        )
    ),
    pytest.param({"refusals": (Refusal("^POST", 200),)}, ProtocolViolation, "got 200", id="post-200"),
    pytest.param({"refusals": (Refusal("^POST", 202),)}, ProtocolViolation, "Location", id="no-location"),
    pytest.param({"refusals": (Refusal("^P", 502, body=b"<html>"),)}, RegistryError, "HTML", id="html-error"),
]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("faults, expected, text", _REFUSED)
def test_refused(kind: _Kind, faults: dict[str, Any], expected: type[OcikitError], text: str) -> None:
    with _serving(kind, **faults) as (registry, repository):
        with pytest.raises(OcikitError) as raised:
            _push_all(repository)
        error = raised.value
        assert type(error) is expected
        assert text in str(error)
        shown = f"{error} {error!r} {error.__dict__} {error.__cause__!r}"
        assert "planted" not in shown
        assert "?" not in str(error).replace("registry?", "")
        assert "latest" not in registry.repositories["shop/web"].tags or expected is ProtocolViolation


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_wrong_password(auth: str) -> None:
    kind = _Kind(auth)
    kind.credentials = Credentials("user", Secret("planted-wrong"))
    with _serving(kind) as (registry, repository):
        with pytest.raises(Unauthorized) as raised:
            repository.resolve("latest")
        assert "planted" not in f"{raised.value} {raised.value!r}"
        assert f"run `docker login {registry.address}`" in str(raised.value)


def test_an_echoed_secret_is_not_shown() -> None:
    echo = Refusal("^PUT", 400, body=f"your password is {_PASSWORD}".encode())
    with _serving(_Kind("basic"), refusals=(echo,)) as (_, repository):
        with pytest.raises(RegistryError) as raised:
            repository.push_blob(_BLOB, _opener(_LAYER))
        assert 'your password is [secret]"' in str(raised.value)


def test_anonymous_pull_but_no_push() -> None:
    kind = _Kind("token")
    with kind.registry(anonymous_pull=True) as registry, RegistryClient(registry.address) as client:
        repository = RegistryRepository(client, Repository(registry.address, "a"))
        assert repository.resolve("latest") is None
        with pytest.raises(Unauthorized, match="No credentials for"):
            repository.push_blob(_BLOB, _opener(_LAYER))


def test_missing_content() -> None:
    with _serving() as (_, repository):
        with pytest.raises(NotFound, match="404 MANIFEST_UNKNOWN"):
            repository.fetch_manifest("latest")
        with pytest.raises(NotFound, match="404 BLOB_UNKNOWN"):
            repository.open_blob(_BLOB)


def test_strictness() -> None:
    with _serving(immutable_tags=True) as (registry, repository):
        with pytest.raises(NotFound, match="MANIFEST_BLOB_UNKNOWN"):
            repository.push_manifest(_MANIFEST, "latest")
        _push_all(repository)
        repository.push_manifest(_MANIFEST, "latest")
        with pytest.raises(RegistryError, match="409 DENIED .*immutable"):
            repository.push_manifest(ImageIndex.of([_MANIFEST.descriptor]), "latest")
        assert registry.repositories["shop/web"].tags["latest"] == str(_MANIFEST.descriptor.digest)


def test_wrong_bytes_from_the_registry() -> None:
    with _serving() as (registry, repository):
        _push_all(repository)
        registry.faults = Faults(wrong_digest=True)
        with pytest.raises(InvalidContent):
            repository.fetch_manifest("latest")
        with pytest.raises(ProtocolViolation):
            repository.resolve(str(_MANIFEST.descriptor.digest))
        registry.faults = Faults(drop_download_after=100)
        with pytest.raises(NetworkError, match="closed before the response was complete"):
            _read(repository, _BLOB)


@pytest.mark.parametrize("kind", _KINDS)
def test_another_host_gets_no_secret(kind: _Kind) -> None:
    with _serving(kind) as (registry, repository), FakeRegistry() as storage:
        registry.put_blob("shop/web", _LAYER)
        storage.put_blob("shop/web", _LAYER)
        registry.faults = Faults(redirect_blobs=storage.url)
        assert _read(repository, _BLOB) == _LAYER
        assert [r.path for r in storage.requests] == [f"/v2/shop/web/blobs/{_BLOB.digest}?signature=planted"]
        assert "authorization" not in storage.requests[0].headers
        storage.faults = Faults(refusals=(Refusal("", 403),))
        with pytest.raises(Denied) as raised:
            repository.open_blob(_BLOB)
        assert "planted" not in str(raised.value)


def test_the_environment_adds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Requests to this machine use neither a .netrc nor a proxy."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc password planted\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with _serving() as (registry, repository):
        assert repository.resolve("latest") is None
        assert "authorization" not in registry.requests[0].headers


def test_ping() -> None:
    kind = _Kind("token")
    with (
        kind.registry() as registry,
        RegistryClient(registry.address, credentials=kind.find, sleep=_no_sleep) as client,
    ):
        client.ping()
        registry.faults = Faults(html=True)
        with pytest.raises(ProtocolViolation, match="Is this the address of a registry"):
            client.ping()

"""Uploads that break, exchange by exchange and against a registry on a socket."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import pytest

from ocikit.errors import NetworkError, OcikitError, RegistryError
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import RawResponse, Request
from ocikit.registry.protocol import CHUNK_SIZES
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.registry.upload import BlobUpload
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.reference import Repository
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal
from ocikit.testing.scripted_transport import Exchange, ScriptedTransport

_AT = "https://r.example/v2/a"
_UP = f"{_AT}/blobs/uploads/1"
_CHUNK = CHUNK_SIZES[1]
_DATA = bytes(range(256)) * (2 * _CHUNK // 256) + b"the rest"
_BLOB = Descriptor(media_type.OCI_LAYER_GZIP, Digest.of(_DATA), len(_DATA))
_PUT = f"{_UP}?digest=sha256%3A{_BLOB.digest.hex}"
_HEAD = f"{_AT}/blobs/{_BLOB.digest}"
_GONE = b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'
# Not a status: the connection breaks.
_CUT = 0


class _Breaking(ScriptedTransport):
    def send(self, request: Request) -> RawResponse:
        response = super().send(request)
        if response.status == _CUT:
            raise NetworkError(f"{request}: cut.")
        return response


def _open() -> AbstractContextManager[BinaryIO]:
    return io.BytesIO(_DATA)


def _no_sleep(seconds: float) -> None:
    """`retrying_test.py` tests waiting."""


def _no_jitter() -> float:
    return 0.0


def _start(**headers: str) -> Exchange:
    return Exchange("POST", f"{_AT}/blobs/uploads/", 202, {"Location": "/v2/a/blobs/uploads/1", **headers})


def _status(last: int | None) -> Exchange:
    headers = {} if last is None else {"Range": f"0-{last}"}
    return Exchange("GET", _UP, 204, headers)


def _chunk(start: int, status: int = 202, body: bytes = b"") -> Exchange:
    sent = _DATA[start : start + _CHUNK]
    return Exchange("PATCH", _UP, status, {"Location": _UP}, body, sent=sent)


def _put(status: int, sent: bytes = b"", body: bytes = b"") -> Exchange:
    return Exchange("PUT", _PUT, status, body=body, sent=sent)


_ALL = [_chunk(0), _chunk(_CHUNK), _chunk(2 * _CHUNK)]
_MISSING = Exchange("HEAD", _HEAD, 404)
_THERE = Exchange("HEAD", _HEAD, 200)
_REFUSED_IN_ONE = [_start(), _put(413, _DATA), _status(None)]
_CUT_IN_ONE = [_start(), _put(_CUT, _DATA), _MISSING]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([_start(), _put(201, _DATA)], id="monolithic"),
        pytest.param(
            [*_REFUSED_IN_ONE, *_ALL, _put(201)],
            id="monolithic-refused",
        ),
        pytest.param(
            [*_CUT_IN_ONE, _status(_CHUNK - 1), _chunk(_CHUNK), _chunk(2 * _CHUNK), _put(201)],
            id="monolithic-cut-and-resumed",
        ),
        pytest.param([_start(), _put(_CUT, _DATA), _THERE], id="only-the-answer-was-lost"),
        pytest.param([_start(), _put(503, _DATA), _THERE], id="stored-all-the-same"),
        pytest.param([*_CUT_IN_ONE, _status(len(_DATA) - 1), _put(201)], id="all-but-the-end"),
        pytest.param(
            [*_REFUSED_IN_ONE, _chunk(0), _chunk(_CHUNK, _CUT), _status(2 * _CHUNK - 1), _chunk(2 * _CHUNK), _put(201)],
            id="chunk-arrived",
        ),
        pytest.param(
            [*_REFUSED_IN_ONE, _chunk(0), _chunk(_CHUNK, 416), _status(10), _chunk(11), _chunk(11 + _CHUNK), _put(201)],
            id="out-of-step",
        ),
        pytest.param(
            [*_REFUSED_IN_ONE, _chunk(0), _chunk(_CHUNK, 404, _GONE), _start(), *_ALL, _put(201)],
            id="gone",
        ),
        pytest.param([*_CUT_IN_ONE, Exchange("GET", _UP, 405), _start(), *_ALL, _put(201)], id="no-status"),
        pytest.param([*_REFUSED_IN_ONE, *_ALL, _put(_CUT), _THERE], id="end-was-lost"),
        pytest.param(
            [*_REFUSED_IN_ONE, *_ALL, _put(502), _MISSING, _status(len(_DATA) - 1), _put(201)],
            id="end-once-more",
        ),
        pytest.param(
            [_start(), _put(429, _DATA), _MISSING, _status(None), _put(201, _DATA)], id="wait-is-not-too-large"
        ),
    ],
)
def test_exchanges(script: list[Exchange]) -> None:
    with _Breaking(script) as transport:
        client = RegistryClient("r.example", transport=transport, sleep=_no_sleep, jitter=_no_jitter)
        BlobUpload(client, _AT, Access("a"), _BLOB, _open).send()


def test_chunks_have_the_minimum_length() -> None:
    least = _CHUNK + 1000
    script = [
        _start(**{"OCI-Chunk-Min-Length": str(least)}),
        _put(413, _DATA),
        _status(None),
        Exchange("PATCH", _UP, 202, {"Location": _UP}, sent=_DATA[:least]),
        Exchange("PATCH", _UP, 202, {"Location": _UP}, sent=_DATA[least:]),
        _put(201),
    ]
    with _Breaking(script) as transport:
        client = RegistryClient("r.example", transport=transport, sleep=_no_sleep, jitter=_no_jitter)
        BlobUpload(client, _AT, Access("a"), _BLOB, _open).send()


@pytest.mark.parametrize(
    "repeated, cause",
    [
        pytest.param([_put(_CUT, b"x"), Exchange("HEAD", "", 404), _status(None)], NetworkError, id="always-cut"),
        pytest.param([_put(404, b"x", _GONE), Exchange("POST", "", 202)], OcikitError, id="always-gone"),
    ],
)
def test_every_upload_ends(repeated: list[Exchange], cause: type[Exception]) -> None:
    """However a registry behaves, an upload ends: a script of five rounds is enough."""
    small = Descriptor(media_type.OCI_LAYER_GZIP, Digest.of(b"x"), 1)
    put, head = f"{_UP}?digest=sha256%3A{small.digest.hex}", f"{_AT}/blobs/{small.digest}"
    urls = {"PUT": put, "HEAD": head, "GET": _UP, "POST": f"{_AT}/blobs/uploads/"}
    rounds = [
        Exchange(e.method, urls[e.method], e.status, {"Location": _UP}, e.body, sent=e.sent)
        for e in [_start(), *repeated * 4, repeated[0]]
    ]
    with _Breaking(rounds) as transport:
        client = RegistryClient("r.example", transport=transport, sleep=_no_sleep, jitter=_no_jitter)
        with pytest.raises(cause):
            BlobUpload(client, _AT, Access("a"), small, lambda: io.BytesIO(b"x")).send()


class _Creeping:
    """A registry that stores nothing, and reports one more byte of the upload each time."""

    def __init__(self, status: int, body: bytes) -> None:
        self._refusal = status, body
        self.requests = 0

    def send(self, request: Request) -> RawResponse:
        self.requests += 1
        if request.method == "POST":
            return RawResponse(202, {"location": "/v2/a/blobs/uploads/1"}, io.BytesIO())
        if request.method == "GET":
            return RawResponse(204, {"range": f"0-{self.requests}"}, io.BytesIO())
        status, body = self._refusal if request.method == "PATCH" else (416, b"")
        return RawResponse(status, {}, io.BytesIO(body))


@pytest.mark.parametrize("status, body", [(416, b""), (404, _GONE)], ids=["out-of-step", "gone"])
def test_false_progress_ends(status: int, body: bytes) -> None:
    transport = _Creeping(status, body)
    client = RegistryClient("r.example", transport=transport, sleep=_no_sleep, jitter=_no_jitter)
    with pytest.raises(RegistryError):
        BlobUpload(client, _AT, Access("a"), _BLOB, _open).send()
    assert transport.requests < 100


def _push(registry: FakeRegistry, **options: Any) -> RegistryRepository:
    client = RegistryClient(registry.address, sleep=_no_sleep, jitter=_no_jitter, **options)
    repository = RegistryRepository(client, Repository(registry.address, "shop/web"), for_push=True)
    with client:
        repository.push_blob(_BLOB, _open)
    return repository


@pytest.mark.parametrize("what", [Break.RESET, Break.RESET_IN_BODY, Break.LOST, Break.TRUNCATED])
@pytest.mark.parametrize("request_", ["^POST", "^PATCH", "^PUT"])
@pytest.mark.parametrize("chunks", [False, True], ids=["monolithic", "chunked"])
def test_one_break_is_survived(what: Break, request_: str, chunks: bool) -> None:
    faults = Faults(disturbances=(Disturbance(request_, what),), require_chunks=chunks)
    with FakeRegistry(faults=faults) as registry:
        _push(registry)
        assert registry.repositories["shop/web"].blobs[str(_BLOB.digest)] == _DATA


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("request_", ["^POST", "^PATCH", "^PUT"])
def test_two_refusals_are_survived(status: int, request_: str) -> None:
    retry = (("Retry-After", "0"),) if status in (429, 503) else ()
    refusal = Refusal(request_, status, times=2, headers=retry)
    with FakeRegistry(faults=Faults(refusals=(refusal,), max_body=_CHUNK)) as registry:
        _push(registry)
        assert registry.repositories["shop/web"].blobs[str(_BLOB.digest)] == _DATA


@pytest.mark.parametrize("status", [400, 403])
def test_final_refusals_are_not_retried(status: int) -> None:
    with FakeRegistry(faults=Faults(refusals=(Refusal("^PUT", status),))) as registry:
        with pytest.raises(RegistryError):
            _push(registry)
        assert registry.count("^PUT") == 1


def test_uploads_elsewhere_get_no_secret() -> None:
    with FakeRegistry() as elsewhere, FakeRegistry("basic") as registry:
        registry.faults = Faults(uploads_at=elsewhere.url)
        credentials = Credentials("user", Secret("password"))
        with pytest.raises(OcikitError):
            _push(registry, credentials=lambda name, path: Lookup(credentials, "a test"))
        assert registry.count("^POST") > 0
        assert elsewhere.requests
        assert all("authorization" not in request.headers for request in elsewhere.requests)


@pytest.mark.parametrize("what", [Break.RESET, Break.TRUNCATED])
def test_a_source_that_breaks_is_opened_again(what: Break) -> None:
    with FakeRegistry() as source, FakeRegistry() as registry:
        source.put_blob("base", _DATA)
        source.faults = Faults(disturbances=(Disturbance("^GET .*/blobs", what),))
        reading = RegistryClient(source.address, sleep=_no_sleep, jitter=_no_jitter)
        base = RegistryRepository(reading, Repository(source.address, "base"))
        client = RegistryClient(registry.address, sleep=_no_sleep, jitter=_no_jitter)
        with reading, client:
            repository = RegistryRepository(client, Repository(registry.address, "shop/web"))
            repository.push_blob(_BLOB, lambda: base.open_blob(_BLOB))
        assert registry.repositories["shop/web"].blobs[str(_BLOB.digest)] == _DATA

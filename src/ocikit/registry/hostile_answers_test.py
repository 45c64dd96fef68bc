"""Any response of a server results in a value or in an error of this library."""

from __future__ import annotations

import base64
import io
import json
import socket
import stat
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import OcikitError
from ocikit.registry import protocol
from ocikit.registry.auth import Access
from ocikit.registry.challenge import choose, merge_scopes, parse_challenges
from ocikit.registry.client import RegistryClient
from ocikit.registry.credentials import DockerCredentials
from ocikit.registry.error_response import read_error, read_warnings
from ocikit.registry.http import RawResponse, Request, Response
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.retry_policy import RetryBudget, retry_after
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest, verified
from ocikit.spec.reference import parse_repository
from ocikit.testing.examples import examples
from ocikit.testing.images import manifest_of
from ocikit.testing.strategies import hostile

many = examples(300)
few = examples(40)
AT = "https://r.example/v2/a"
MANIFEST = manifest_of("a")
BLOB = Descriptor("a/b", Digest.of(b"hello"), 5)
# Header values as they are read: Latin-1, no line breaks.
VALUES = st.text(st.characters(max_codepoint=0xFF, blacklist_characters="\r\n"), max_size=60) | st.sampled_from(
    [
        "²", "-1", "+5", "1_0", " 7 ", "9" * 5000, "1" + "0" * 300, "0", "0-²", "0-" + "9" * 5000, "bytes=0-5", "NaN",
        "sha256:" + "0" * 64, "sha256:" + "²" * 64, "sha512:" + "a" * 128, "md5:0", media_type.OCI_MANIFEST,
        "text/html", "Mon, 01 Jan 0000 00:00:00 GMT", "Xxx, 99 Zzz 9999 99:99:99 GMT", 'Bearer realm="', "Bearer",
        'Bearer realm="https://a.example/t",service="\xff",scope="²:²:² :: a"', 'Basic realm="x"', '299 - "\\',
        '299 - "\xff\x1b[2J"', "https://[::1", "//", "\\", "http://a:99999/", "?" * 50,
    ]
)  # fmt: skip
NAMES = (
    "content-length", "content-type", "docker-content-digest", "location", "oci-chunk-min-length", "oci-tag", "range",
    "retry-after", "warning", "www-authenticate",
)  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUES)
BODIES = st.binary(max_size=40) | hostile({"errors": [{"code": "DENIED", "message": "no", "detail": {}}]})


@many
@given(HEADERS, BODIES, st.sampled_from([200, 201, 202, 301, 307, 400, 401, 403, 404, 416, 429, 503]))
def test_headers(headers: dict[str, str], body: bytes, status: int) -> None:
    answer = Response(Request("GET", AT), status, headers, body)
    for read in (
        lambda: protocol.read_description(answer, "latest"),
        lambda: protocol.read_manifest(answer, str(MANIFEST.descriptor.digest)),
        lambda: protocol.read_manifest(answer, "latest"),
        lambda: protocol.check_stored(answer, MANIFEST),
        lambda: protocol.confirmed_tags(answer, ["a"]),
        lambda: protocol.upload_location(answer),
        lambda: protocol.received(answer),
        lambda: protocol.least_chunk_size(answer),
        lambda: retry_after(answer, 0.0),
        lambda: read_warnings(answer.headers.get("warning", "")),
        lambda: read_error(answer),
    ):
        with suppress(OcikitError):
            read()


@pytest.mark.parametrize("text, size", [("5", 5), ("²", 0), ("-5", 0), ("9" * 5000, 0), ("9" * 18, 16 * 1024 * 1024)])
def test_a_registry_does_not_choose_how_much_is_held_in_memory(text: str, size: int) -> None:
    assert protocol.least_chunk_size(Response(Request("GET", AT), 202, {"oci-chunk-min-length": text})) == size


@pytest.mark.parametrize("text", ["²", "-7", "7_0", "9" * 300, "9" * 5000, str(2**63), "0", "٣"])
def test_an_invalid_length_gives_no_descriptor(text: str) -> None:
    headers = {
        "content-length": text,
        "content-type": media_type.OCI_MANIFEST,
        "docker-content-digest": str(BLOB.digest),
    }
    assert protocol.read_description(Response(Request("HEAD", AT), 200, headers), "latest") is None


@many
@given(st.text(max_size=80) | VALUES)
def test_challenges(header: str) -> None:
    challenges = parse_challenges(header)
    choose(challenges)
    merge_scopes(challenge.parameters.get("scope", "") for challenge in challenges)


class _Server:
    """A transport that responds with 401 without a token, else with 200."""

    def __init__(self, challenge: str, token: bytes) -> None:
        self._challenge = challenge
        self._token = token

    def send(self, request: Request) -> RawResponse:
        if not request.url.startswith(AT):
            return RawResponse(200, {}, io.BytesIO(self._token))
        status = 200 if request.authorization else 401
        return RawResponse(status, {"www-authenticate": self._challenge}, io.BytesIO(b""))


TOKEN = {"token": "t", "access_token": "t", "expires_in": 300, "issued_at": "2030-01-01T00:00:00Z"}


@many
@given(hostile(TOKEN), VALUES | st.just('Bearer realm="https://a.example/t",service="s"'))
def test_tokens(token: bytes, challenge: str) -> None:
    client = RegistryClient("r.example", transport=_Server(challenge, token), sleep=lambda seconds: None)
    with suppress(OcikitError):
        for _ in range(2):
            client.ask(Request("GET", f"{AT}/x"), Access("a", ("repository:a:pull",)), 200)


@pytest.mark.parametrize("seconds", ["9" * 400, "-5", "0", "true", '"60"', "1e300", "[]", "null", "0.1", "{}"])
def test_a_token_may_have_any_expiry(seconds: str) -> None:
    token = f'{{"token": "t", "expires_in": {seconds}}}'.encode()
    client = RegistryClient("r.example", transport=_Server('Bearer realm="https://a.example/t"', token))
    assert client.ask(Request("GET", f"{AT}/x"), Access("a"), 200).status == 200


CONFIG: dict[str, Any] = {
    "auths": {
        "https://r.example/v1/": {"auth": base64.b64encode(b"user:password").decode("ascii")},
        "r.example/a": {"username": "user", "password": "p", "identitytoken": "t"},
    },
    "credHelpers": {"r.example": "none-of-that-name"},
    "credsStore": "none-of-that-name",
    "HttpHeaders": {"a": "b"},
}


@many
@given(hostile(CONFIG) | hostile({"auths": CONFIG["auths"]}))
def test_docker_configurations(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_bytes(data)
        with suppress(OcikitError):
            found = DockerCredentials({"DOCKER_CONFIG": folder, "PATH": folder})("r.example", "a")
            if found.credentials:
                found.credentials.basic()


@few
@given(hostile({"ServerURL": "x", "Username": "u", "Secret": "s"}) | st.binary(), st.integers(0, 1))
def test_helpers(answer: bytes, code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text('{"credsStore": "x"}')
        Path(folder, "answer").write_bytes(answer)
        helper = Path(folder, "docker-credential-x")
        helper.write_text(f"#!/bin/sh\n/bin/cat {folder}/answer\nexit {code}\n")
        helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
        with suppress(OcikitError):
            found = DockerCredentials({"DOCKER_CONFIG": folder, "PATH": folder})("r.example", "a")
            if found.credentials:
                found.credentials.basic()


def _head(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode("latin-1") + body


_CHUNKED = "Transfer-Encoding: chunked"
RAW = {
    "length-negative": _head("Content-Length: -5", body=b"hello"),
    "length-superscript": _head("Content-Length: ²", body=b"hello"),
    "length-underscore": _head("Content-Length: 1_0", body=b"hello"),
    "length-beyond-64-bits": _head("Content-Length: 1" + "0" * 300, body=b"hello"),
    "length-of-5000-digits": _head("Content-Length: 1" + "0" * 5000, body=b"hello"),
    "two-lengths": _head("Content-Length: 5", "Content-Length: 6", body=b"hello"),
    "chunk-negative": _head(_CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk-of-all-that-comes": _head(_CHUNKED, body=b"-1\r\n"),
    "chunk-not-a-number": _head(_CHUNKED, body=b"zz\r\nhello"),
    "chunk-superscript": _head(_CHUNKED, body=b"\xb2\r\nhello"),
    "chunk-beyond-64-bits": _head(_CHUNKED, body=b"f" * 3000 + b"\r\nhello"),
    "chunk-line-too-long": _head(_CHUNKED, body=b"5;" + b"x" * 70_000 + b"\r\nhello"),
    "status-negative": b"HTTP/1.1 -1 OK\r\n\r\n",
    "status-superscript": b"HTTP/1.1 2\xb20 OK\r\n\r\n",
    "status-of-5000-digits": b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n",
    "not-http": b"hello\r\n\r\n",
    "headers-above-ascii": _head("Content-Type: \xe9\xff/\x80", "Docker-Content-Digest: \xff:\xfe", body=b"hello"),
    "header-without-a-name": _head("\x80\x81 nonsense", body=b"hello"),
    "headers-without-end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000,
    "header-too-long": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
    "error-nested-deep": b"HTTP/1.1 400 x\r\n\r\n" + b"[" * 100_000,
    "error-of-digits": b"HTTP/1.1 400 x\r\n\r\n" + b"9" * 100_000,
}  # fmt: skip


@contextmanager
def _raw_server(answer: bytes) -> Iterator[str]:
    """Respond to each connection with these bytes, and after a chunk without an end with 64 MiB more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(answer)
                        for _ in range(1024 if b"\r\n\r\n-1\r\n" in answer else 0):
                            connection.sendall(b"x" * 65536)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", RAW.values(), ids=RAW)
def test_raw_responses(answer: bytes) -> None:
    with _raw_server(answer) as host:
        actions: tuple[Callable[[RegistryRepository], object], ...] = (
            lambda store: store.resolve("latest"),
            lambda store: store.fetch_manifest("latest"),
            lambda store: store.has_blob(BLOB),
            lambda store: b"".join(verified(store.open_blob(BLOB).__enter__(), BLOB.digest, BLOB.size, "the blob")),
            lambda store: store.push_blob(BLOB, lambda: io.BytesIO(b"hello")),
            lambda store: store.push_manifest(MANIFEST, "latest"),
        )
        tracemalloc.start()
        for action in actions:
            with RegistryClient(host, budget=RetryBudget(0)) as client, suppress(OcikitError):
                action(RegistryRepository(client, parse_repository(f"{host}/a")))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


def test_the_unchanged_configuration() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps({"auths": CONFIG["auths"]}))
        assert DockerCredentials({"DOCKER_CONFIG": folder})("r.example", "b").credentials

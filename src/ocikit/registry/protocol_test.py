from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import (
    Denied,
    InvalidContent,
    NotFound,
    OcikitError,
    ProtocolViolation,
    RegistryError,
    TooManyRequests,
    Unauthorized,
)
from ocikit.registry import protocol
from ocikit.registry.error_response import failure, read_error
from ocikit.registry.http import Request, Response, is_loopback, origin, printable, redirected, resolve_location
from ocikit.registry.scrubber import Scrubber
from ocikit.registry.secret import Secret
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest

_CONFIG = Descriptor(media_type.OCI_CONFIG, Digest.of(b"{}"), 2)
_MANIFEST = Manifest.of(_CONFIG, ())
_DIGEST = _MANIFEST.descriptor.digest
_AT = "https://r.example/v2/shop/web"


def _answer(status: int = 200, body: bytes = b"", method: str = "GET", **headers: Any) -> Response:
    request = Request(method, f"{_AT}/manifests/latest?secret=planted")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(request, status, named, body)


@pytest.mark.parametrize(
    "registry, scheme, insecure, expected",
    [
        pytest.param("docker.io", None, False, "https://registry-1.docker.io", id="docker-hub"),
        pytest.param("ghcr.io", None, False, "https://ghcr.io", id="https"),
        pytest.param("ghcr.io:5000", None, True, "http://ghcr.io:5000", id="insecure"),
        pytest.param("localhost:5000", None, False, "http://localhost:5000", id="localhost"),
        pytest.param("127.1.2.3", None, False, "http://127.1.2.3", id="loopback-v4"),
        pytest.param("[::1]:5000", None, False, "http://[::1]:5000", id="loopback-v6"),
        pytest.param("[::1]", None, False, "http://[::1]", id="loopback-v6-no-port"),
        pytest.param("localhost:5000", "https", False, "https://localhost:5000", id="given"),
        pytest.param("localhost.example", None, False, "https://localhost.example", id="lookalike"),
    ],
)
def test_address(registry: str, scheme: str | None, insecure: bool, expected: str) -> None:
    assert protocol.address(registry, scheme, insecure) == expected


@pytest.mark.parametrize(
    "request_, expected",
    [
        pytest.param(protocol.ping("https://r"), "GET https://r/v2/", id="ping"),
        pytest.param(protocol.manifest("HEAD", _AT, "1.0"), f"HEAD {_AT}/manifests/1.0", id="tag"),
        pytest.param(
            protocol.manifest("GET", _AT, str(_DIGEST)),
            f"GET {_AT}/manifests/{_DIGEST}",
            id="digest",
        ),
        pytest.param(protocol.manifest("GET", _AT, "a/b?c"), f"GET {_AT}/manifests/a%2Fb%3Fc", id="no-tag"),
        pytest.param(protocol.blob("GET", _AT, _DIGEST), f"GET {_AT}/blobs/{_DIGEST}", id="blob"),
        pytest.param(protocol.start_upload(_AT), f"POST {_AT}/blobs/uploads/", id="upload"),
        pytest.param(
            protocol.mount(_AT, _DIGEST, "library/python"),
            f"POST {_AT}/blobs/uploads/?mount=sha256%3A{_DIGEST.hex}&from=library%2Fpython",
            id="mount",
        ),
        pytest.param(
            protocol.finish_upload("https://u/x", _MANIFEST.descriptor, b""),
            f"PUT https://u/x?digest=sha256%3A{_DIGEST.hex}",
            id="finish",
        ),
        pytest.param(
            protocol.finish_upload("https://u/x?a=b%2F", _MANIFEST.descriptor, b""),
            f"PUT https://u/x?a=b%2F&digest=sha256%3A{_DIGEST.hex}",
            id="finish-keeps-query",
        ),
    ],
)
def test_requests(request_: Request, expected: str) -> None:
    assert f"{request_.method} {request_.url}" == expected


def test_headers_and_bodies_of_requests() -> None:
    put = protocol.put_manifest(_AT, "latest", _MANIFEST)
    assert put.headers == {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    assert put.body == _MANIFEST.data
    chunk = protocol.send_chunk("https://u/x", 10, b"12345")
    assert chunk.headers["Content-Range"] == "10-14"
    accepted = protocol.manifest("HEAD", _AT, "latest").headers["Accept"]
    assert accepted.split(", ") == [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]


@pytest.mark.parametrize(
    "location, expected",
    [
        pytest.param("https://r.example/u/1?a=b", "https://r.example/u/1?a=b", id="absolute"),
        pytest.param("/u/1?a=b%2Fc", "https://r.example/u/1?a=b%2Fc", id="relative"),
        pytest.param("next", "https://r.example/v2/shop/web/manifests/next", id="relative-to-path"),
        pytest.param("https://other.example/u", "https://other.example/u", id="other-host"),
        pytest.param("http://r.example/u", "https://r.example/u", id="behind-a-tls-proxy"),
        pytest.param("http://r.example:81/u", "http://r.example:81/u", id="other-port"),
    ],
)
def test_upload_location(location: str, expected: str) -> None:
    assert protocol.upload_location(_answer(202, location=location)) == expected


@pytest.mark.parametrize("location", ["", "ftp://r.example/u", "https://r.example:port/u", "http://[::1/u"])
def test_no_upload_location(location: str) -> None:
    with pytest.raises(ProtocolViolation):
        protocol.upload_location(_answer(202, location=location))


@pytest.mark.parametrize(
    "status, size, tried, expected",
    [
        pytest.param(405, 10, None, 16 * 1024 * 1024, id="chunks-of-any-size"),
        pytest.param(413, 10, None, None, id="too-large-though-small"),
        pytest.param(413, 2 * 1024 * 1024, None, 960 * 1024, id="smaller-than-the-blob"),
        pytest.param(413, 10**9, None, 16 * 1024 * 1024, id="large"),
        pytest.param(413, 10**9, 16 * 1024 * 1024, 960 * 1024, id="smaller-chunks"),
        pytest.param(413, 10**9, 960 * 1024, None, id="all-tried"),
        pytest.param(405, 10**9, 16 * 1024 * 1024, None, id="chunks-rejected-too"),
    ],
)
def test_next_chunk_size(status: int, size: int, tried: int | None, expected: int | None) -> None:
    assert protocol.next_chunk_size(status, size, tried) == expected


_GOOD: Mapping[str, Any] = {
    "content_type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
    "content_length": str(len(_MANIFEST.data)),
    "docker_content_digest": str(_DIGEST),
}


@pytest.mark.parametrize(
    "change, expected",
    [
        pytest.param({}, _MANIFEST.descriptor, id="all-there"),
        pytest.param({"docker_content_digest": ""}, None, id="no-digest"),
        pytest.param({"content_length": ""}, None, id="no-length"),
        pytest.param({"content_length": "0"}, None, id="length-0"),
        pytest.param({"content_type": "application/json"}, None, id="no-media-type"),
        pytest.param({"docker_content_digest": "md5:1"}, ProtocolViolation, id="bad-digest"),
        pytest.param({"content_type": "text/html"}, ProtocolViolation, id="html"),
    ],
)
def test_read_description(change: Mapping[str, Any], expected: Any) -> None:
    answer = _answer(method="HEAD", **{**_GOOD, **change})
    if expected is ProtocolViolation:
        with pytest.raises(ProtocolViolation):
            protocol.read_description(answer, "latest")
    else:
        assert protocol.read_description(answer, "latest") == expected


def test_an_unexpected_digest() -> None:
    with pytest.raises(ProtocolViolation):
        protocol.read_description(_answer(**_GOOD), str(Digest.of(b"other")))
    with pytest.raises(InvalidContent, match="expected the manifest sha256"):
        protocol.read_manifest(_answer(body=_MANIFEST.data), str(Digest.of(b"other")))
    with pytest.raises(InvalidContent, match="expected the manifest sha256"):
        protocol.read_manifest(_answer(body=b"{}", **_GOOD), "latest")


@pytest.mark.parametrize(
    "body, content_type, expected",
    [
        pytest.param(_MANIFEST.data, _GOOD["content_type"], None, id="good"),
        pytest.param(_MANIFEST.data, "application/json", None, id="vague-content-type"),
        pytest.param(_MANIFEST.data, "text/html", ProtocolViolation, id="said-to-be-html"),
        pytest.param(b"  <html>", "", ProtocolViolation, id="html"),
        pytest.param(b"not json", "", InvalidContent, id="text"),
        pytest.param(b"{}", "", InvalidContent, id="not-a-manifest"),
        pytest.param(b" " * (4 * 1024 * 1024 + 1), "", ProtocolViolation, id="too-large"),
    ],
)
def test_read_manifest(body: bytes, content_type: str, expected: type[OcikitError] | None) -> None:
    answer = _answer(body=body, content_type=content_type)
    if expected is None:
        assert protocol.read_manifest(answer, "latest") == _MANIFEST
        return
    with pytest.raises(expected) as raised:
        protocol.read_manifest(answer, "latest")
    assert "(GET https://r.example/v2/shop/web/manifests/latest)" in str(raised.value)


@pytest.mark.parametrize(
    "status, headers, good",
    [
        pytest.param(201, {"docker_content_digest": str(_DIGEST)}, True, id="created"),
        pytest.param(201, {}, True, id="created-no-digest"),
        pytest.param(200, {"docker_content_digest": str(_DIGEST)}, True, id="ok-with-digest"),
        pytest.param(200, {}, False, id="ok-alone"),
        pytest.param(200, {"content_type": "text/html"}, False, id="html"),
        pytest.param(201, {"docker_content_digest": str(Digest.of(b"other"))}, False, id="other-digest"),
    ],
)
def test_check_stored(status: int, headers: Mapping[str, Any], good: bool) -> None:
    answer = _answer(status, method="PUT", **headers)
    if good:
        protocol.check_stored(answer, _MANIFEST)
    else:
        with pytest.raises(ProtocolViolation):
            protocol.check_stored(answer, _MANIFEST)


@pytest.mark.parametrize(
    "body, expected",
    [
        pytest.param(
            b'{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}},{"code":"B"}]}',
            ("DENIED", "no"),
            id="specification",
        ),
        pytest.param(b'{"errors":[{"code":"DENIED"}]}', ("DENIED", None), id="code-alone"),
        pytest.param(b'{"errors":["no"]}', (None, "no"), id="list-of-texts"),
        pytest.param(b'{"errors":[]}', (None, None), id="empty-list"),
        pytest.param(b'{"error":"no"}', (None, "no"), id="error"),
        pytest.param(
            b'{"error":"invalid_grant","error_description":"old"}',
            ("invalid_grant", "old"),
            id="oauth",
        ),
        pytest.param(b'{"details":"incorrect password"}', (None, "incorrect password"), id="details"),
        pytest.param(b'{"code":1,"message":"no"}', (None, "no"), id="code-is-a-number"),
        pytest.param(b"quota\n\texceeded\x1b[31m", (None, "quota exceeded\\x1b[31m"), id="plain-text"),
        pytest.param(b'"no"', (None, "no"), id="json-text"),
        pytest.param(b"", (None, None), id="nothing"),
        pytest.param(b"\xff\xfe", (None, "\ufffd\ufffd"), id="not-utf-8"),
        pytest.param(b"<html>502</html>", (None, "an HTML page, not a registry's response"), id="html"),
    ],
)
def test_read_error(body: bytes, expected: object) -> None:
    assert read_error(_answer(500, body)) == expected


def test_a_long_message_is_cut() -> None:
    _, message = read_error(_answer(500, b"x" * 5000))
    assert message == "x" * 299 + "…"


@pytest.mark.parametrize(
    "status, kind",
    [
        (200, ProtocolViolation),
        (307, ProtocolViolation),
        (400, RegistryError),
        (401, Unauthorized),
        (403, Denied),
        (404, NotFound),
        (405, Denied),
        (429, TooManyRequests),
        (500, RegistryError),
        (503, RegistryError),
    ],
)
def test_failure(status: int, kind: type[OcikitError]) -> None:
    body = b'{"errors":[{"code":"A","message":"tag is immutable"}]}'
    error = failure(_answer(status, body, "PUT"), "201")
    assert type(error) is kind
    assert f"{status}" in str(error)
    assert "(PUT https://r.example/v2/shop/web/manifests/latest)" in str(error)
    assert "planted" not in str(error)


def test_a_failure_reads_well_and_hides_secrets() -> None:
    scrubber = Scrubber()
    scrubber.learn(Secret("planted"))
    request = Request("GET", "https://user:planted@r.example/v2/?planted").authorized(Secret("Basic planted"), scrubber)
    body = b'{"errors":[{"code":"DENIED","message":"what is planted?"}]}'
    error = failure(Response(request, 403, {}, body), "200", "Do this.")
    assert str(error) == ('the registry answered 403 DENIED "what is [secret]?" (GET https://r.example/v2/). Do this.')
    assert "planted" not in f"{request} {request!r} {error!r} {error.__dict__}"


@pytest.mark.parametrize(
    "host, expected",
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("128.0.0.1", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_origins() -> None:
    assert origin("https://R.example/x") == origin("https://r.example:443/y?z")
    assert origin("https://r.example") != origin("http://r.example:443")
    assert printable("https://u:p@r.example:1/x?y#z") == "https://r.example:1/x"


@pytest.mark.parametrize(
    "method, status, location, expected, authorized",
    [
        pytest.param("GET", 307, "/x", "https://r.example/x", True, id="same-host"),
        pytest.param("GET", 302, "https://s.example/x?q", "https://s.example/x?q", False, id="other"),
        pytest.param("GET", 302, "https://r.example:444/x", "https://r.example:444/x", False, id="port"),
        pytest.param("HEAD", 301, "//s.example/x", "https://s.example/x", False, id="head"),
        pytest.param("POST", 307, "/x", "https://r.example/x", True, id="body"),
        pytest.param("PATCH", 308, "https://s.example/x", "https://s.example/x", False, id="body-elsewhere"),
        pytest.param("POST", 302, "/x", None, False, id="no-body-is-kept"),
        pytest.param("GET", 304, "/x", None, False, id="no-redirect"),
        pytest.param("GET", 302, "", None, False, id="no-location"),
    ],
)
def test_redirected(method: str, status: int, location: str, expected: str | None, authorized: bool) -> None:
    request = Request(method, "https://r.example/a").authorized(Secret("Bearer x"))
    following = redirected(Response(request, status, {"location": location}))
    assert (following.url if following else None) == expected
    assert bool(following and following.authorization) is authorized


@given(st.binary().map(lambda data: data.decode("latin-1")))
def test_any_location_is_an_address_or_a_violation(location: str) -> None:
    try:
        url = resolve_location("https://r.example/v2/", location)
    except ProtocolViolation:
        return
    assert origin(url)[0] in ("http", "https")


@pytest.mark.parametrize(
    "header, size",
    [
        ("0-0", 0),
        ("0-1", 2),
        ("0-99", 100),
        ("bytes=0-99", 100),
        ("bytes 0-99", 100),
        (" 0-99 ", 100),
        ("", 0),
        ("1-99", 0),
        ("0-", 0),
        ("99", 0),
        ("0-99/100", 0),
    ],
)
def test_received(header: str, size: int) -> None:
    assert protocol.received(_answer(204, range=header)) == size


@given(st.text())
def test_any_range_is_read(text: str) -> None:
    assert protocol.received(Response(Request("GET", "https://r.example/"), 204, {"range": text})) >= 0


@given(st.integers(1, 10**17))
def test_a_range_is_read_back(last: int) -> None:
    assert protocol.received(Response(Request("GET", "https://r.example/"), 204, {"range": f"0-{last}"})) == last + 1

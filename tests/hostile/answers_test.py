"""Responses that violate HTTP, invalid challenges and tokens, and responses without end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Callable

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, config_document
from hostile.rows import ENDS, FILES, INSPECT, INSPECT_JSON, PULL, PUSH, Row, Scene, table
from hostile.texts import DIGITS, nested
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from support.hostile_server import Reply, raw_answer

GIB = 1024 * 1024 * 1024
MANIFEST = "/v2/image/manifests/"
LIFETIMES = {
    "of-400-digits": "9" * 400,
    "of-5000-digits": DIGITS,
    "negative": "-5",
    "zero": "0",
    "not-a-number": "NaN",
    "infinite": "Infinity",
    "with-an-exponent": "1e400",
    "true": "true",
    "a-list": "[300]",
    "text": '"300"',
}
TOKENS = {
    "number": b'{"token": 5}',
    "list": b'{"token": ["a"]}',
    "empty": b'{"token": ""}',
    "line-end": b'{"token": "a\\r\\nX-Injected: yes"}',
    "not-ascii": '{"token": "ä"}'.encode(),
    "half-a-letter": b'{"token": "\\ud800"}',
    "json-list": b"[]",
    "json-null": b"null",
    "no-json": b"<html>",
    "nested-100000": nested(100_000).encode(),
    "a-million-digits": b'{"token": "x", "expires_in": ' + b"9" * 1_000_000 + b"}",
    "not-utf-8": b'{"token": "\xff"}',
    "very-long": b'{"token": "' + b"a" * 3_000_000 + b'"}',
}
CHALLENGES = {
    "empty": "",
    "bearer-alone": "Bearer",
    "no-realm": 'Bearer service="x"',
    "open-quotes": 'Bearer realm="http://$registry/token',
    "of-backslashes": 'Bearer realm="' + "\\" * 20_000,
    "of-equal-signs": "Bearer " + "=" * 50_000,
    "of-commas": "Bearer " + "," * 50_000,
    "of-tokens": "Bearer " + "a " * 25_000,
    "many": ", ".join(f'Bearer realm="http://$registry/{n}"' for n in range(1_000)),
    "scope-of-many": 'Bearer realm="http://$registry/token",scope="' + "repository:a:pull " * 2_500 + '"',
    "scope-that-is-odd": 'Bearer realm="http://$registry/token",scope=":::: : ,, a"',
    "realm-with-a-query": 'Bearer realm="http://$registry/token?a=b#c"',
    "negotiate": "Negotiate",
    "digest": 'Digest realm="a", nonce="b"',
    "basic-and-bearer": 'Basic realm="a", Bearer realm="ftp://x"',
}
_SHORT = b"Content-Length: 2\r\n\r\n{}"
# Responses to a request for a manifest that HTTP forbids, or barely allows.
ANSWERS: dict[str, bytes] = {
    "negative-content-length": raw_answer("200 OK", {"Content-Length": "-1"}, b"{}"),
    "content-length-is-not-a-number": raw_answer("200 OK", {"Content-Length": "many"}, b"{}"),
    "content-length-with-a-sign": raw_answer("200 OK", {"Content-Length": "+2"}, b"{}"),
    "content-length-of-5000-digits": raw_answer("200 OK", {"Content-Length": DIGITS}, b"{}"),
    "content-length-of-400-digits": raw_answer("200 OK", {"Content-Length": "9" * 400}, b"{}"),
    "two-content-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + _SHORT,
    "content-length-list": raw_answer("200 OK", {"Content-Length": "2, 2"}, b"{}"),
    "length-and-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + _SHORT,
    "chunk-of-no-size": raw_answer("200 OK", {"Transfer-Encoding": "chunked"}, b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk-of-negative-size": raw_answer("200 OK", {"Transfer-Encoding": "chunked"}, b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk-of-enormous-size": raw_answer("200 OK", {"Transfer-Encoding": "chunked"}, b"f" * 400 + b"\r\n{}\r\n"),
    "unknown-transfer-encoding": raw_answer("200 OK", {"Transfer-Encoding": "gzip, x"}, b"{}"),
    "content-encoding": raw_answer("200 OK", {"Content-Encoding": "gzip", "Content-Length": "2"}, b"{}"),
    "no-http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "http-9": b"HTTP/9.9 200 OK\r\n" + _SHORT,
    "http-0.9": b"{}",
    "status-of-6-digits": b"HTTP/1.1 200200 OK\r\n" + _SHORT,
    "status-is-not-a-number": b"HTTP/1.1 abc OK\r\n" + _SHORT,
    "status-is-negative": b"HTTP/1.1 -200 OK\r\n" + _SHORT,
    "status-of-full-width-digits": "HTTP/1.1 ２００ OK\r\n".encode() + _SHORT,
    "status-0": b"HTTP/1.1 000 OK\r\n" + _SHORT,
    "status-line-alone": b"HTTP/1.1 200 OK\r\n",
    "switching-protocols": b"HTTP/1.1 101 Switching\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No\r\n\r\n",
    "partial-content": b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-1/99\r\n" + _SHORT,
    "not-modified": b"HTTP/1.1 304 No\r\n\r\n",
    "header-without-colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n" + _SHORT,
    "header-with-a-space": b"HTTP/1.1 200 OK\r\nContent-Type : text/plain\r\n" + _SHORT,
    "header-of-nothing": b"HTTP/1.1 200 OK\r\n: nothing\r\n" + _SHORT,
    "header-with-a-nul": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n" + _SHORT,
    "header-of-200-kib": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n" + _SHORT,
    "headers-of-20000-lines": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + _SHORT,
    "thousand-continues": b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000 + b"HTTP/1.1 200 OK\r\n" + _SHORT,
    "lines-without-carriage-return": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "two-answers": (b"HTTP/1.1 200 OK\r\n" + _SHORT) * 2,
    "body-is-shorter": raw_answer("200 OK", {"Content-Length": "100"}, b"{}"),
    "body-is-longer": b"HTTP/1.1 200 OK\r\n" + _SHORT + b"{}" * 1_000,
}


def rows() -> Iterator[Row]:
    for name, text in LIFETIMES.items():
        body = f'{{"token": "a-good-token", "expires_in": {text}}}'.encode()
        yield Row(f"lifetime-{name}", partial(token, body), PULL, ENDS)
    for name, body in TOKENS.items():
        yield Row(f"token-{name}", partial(token, body), PULL)
    for name, text in CHALLENGES.items():
        yield Row(f"challenge-{name}", partial(challenge, text), PULL)
    for name, answer in ANSWERS.items():
        yield Row(f"answer-{name}", partial(answered, MANIFEST, answer), PULL, waits=True)
    for name in (
        "negative-content-length",
        "content-length-of-5000-digits",
        "body-is-shorter",
        "chunk-of-negative-size",
    ):
        yield Row(f"blob-{name}", partial(answered, "GET /v2/image/blobs/", ANSWERS[name]), PULL, waits=True)
        yield Row(f"upload-{name}", partial(answered, "POST /v2/pushed/", ANSWERS[name]), PUSH, waits=True)
    yield from large_answers()
    yield Row("chunk-length-of-5000-digits", chunk_length, PUSH, ENDS)
    yield Row("range-of-5000-digits", upload_range, PUSH, ENDS)


def token(body: bytes, scene: Scene) -> None:
    scene.login("token")
    scene.on("/token", raw_answer("200 OK", {"Content-Length": str(len(body)), "Connection": "close"}, body))


def challenge(text: str, scene: Scene) -> None:
    headers = {"WWW-Authenticate": scene.filled(text), "Content-Length": "0", "Connection": "close"}
    scene.on("/v2/", raw_answer("401 Who", headers))


def answered(pattern: str, answer: Reply, scene: Scene) -> None:
    """Send a response and nothing more, and close the connection a little later."""
    scene.on_credentials(pattern, [answer, 0.3] if isinstance(answer, bytes) else answer)


def large_answers() -> Iterator[Row]:
    """Rows of responses that have no end, or announce a large size."""
    endless = b"HTTP/1.1 200 OK\r\n\r\n"
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n"
    error = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\n\r\n"
    for name, pattern, head, command in (
        ("manifest", MANIFEST, endless, PULL),
        ("announced-manifest", MANIFEST, announced, PULL),
        ("config", "GET /v2/image/blobs/", endless, INSPECT),
        ("error", MANIFEST, error, PULL),
        ("error-of-an-upload", "POST /v2/pushed/", error, PUSH),
    ):
        yield Row(f"endless-{name}", partial(flood, pattern, head, b" " * 65_536), command)
    yield Row("endless-token", partial(token_flood, endless), PULL)
    yield Row("endless-header", partial(flood, MANIFEST, b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65_536), PULL)
    yield Row("endless-headers", partial(flood, MANIFEST, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 8_000), PULL)
    yield Row("endless-continues", partial(flood, MANIFEST, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000), PULL)
    yield Row("endless-trailers", partial(flood, MANIFEST, CHUNKS, b"X: y\r\n" * 8_000), PULL)
    yield Row("endless-chunk-size", partial(flood, MANIFEST, CHUNKS[:-3], b"0" * 65_536), PULL)
    yield Row("config-that-is-said-to-be-large", large_config, INSPECT)
    yield Row("config-of-64-mib", config_of_64_mib, INSPECT_JSON)
    yield Row("layer-that-is-longer-than-said", longer_layer, FILES)


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"


def flood(pattern: str, head: bytes, part: bytes, scene: Scene) -> None:
    def answer(request: object) -> Iterator[bytes]:
        yield head
        while True:
            yield part

    scene.on_credentials(pattern, answer)


def token_flood(head: bytes, scene: Scene) -> None:
    scene.login("token")
    flood("/token", head, b" " * 65_536, scene)


def large_config(scene: Scene) -> None:
    """A descriptor with 1 TiB, and as many bytes as the client reads."""
    described = {"mediaType": media_type.OCI_CONFIG, "digest": sandbox.OTHER_DIGEST, "size": 1024 * GIB}
    ImageParts(manifest_members={"config": described}).put(scene.contents)
    flood(
        f"blobs/{sandbox.OTHER_DIGEST}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n",
        b" " * 65_536,
        scene,
    )


def config_of_64_mib(scene: Scene) -> None:
    """A config of 64 MiB with a correct descriptor."""
    ImageParts(config=json.dumps(config_document(x="a" * 64 * 1024 * 1024)).encode()).put(scene.contents)


def longer_layer(scene: Scene) -> None:
    layer = ImageParts().layers[0]
    flood(f"blobs/{Digest.of(layer)}", b"HTTP/1.1 200 OK\r\n\r\n" + layer, bytes(65_536), scene)


def chunk_length(scene: Scene) -> None:
    headers = {"Location": "/v2/pushed/blobs/uploads/x", "OCI-Chunk-Min-Length": DIGITS, "Content-Length": "0"}
    scene.on_credentials("POST /v2/pushed/", raw_answer("202 Go", headers))


def upload_range(scene: Scene) -> None:
    """A malformed Range after a refused chunk."""
    scene.on_credentials("PUT /v2/pushed/blobs", raw_answer("416 No", {"Content-Length": "0"}))
    status = {"Range": f"0-{DIGITS}", "Location": "/v2/pushed/blobs/uploads/x", "Content-Length": "0"}
    scene.on_credentials("GET /v2/pushed/blobs/uploads", raw_answer("204 There", status))


@pytest.mark.parametrize("row", table(rows()))
def test_answers(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

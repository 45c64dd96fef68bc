"""Documents and answers that are not what they should be: an error in our words, never a stack trace, and bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Callable

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, config_document, descriptor
from hostile.rows import ENDS, FAILS, FILES, INSPECT, INSPECT_JSON, PULL, PUSH, SUCCEEDS, Row, Scene, nothing, table
from ocikit import media_type
from ocikit.digest import Digest
from support.hostile_server import Reply, raw_answer

GIB = 1024 * 1024 * 1024
DIFF = ("diff", "oci:layout:1", "$registry/image:1")
VERIFY = ("verify", "$registry/image:1")
SURVEY = ("survey", "request.json")
MANIFEST = "/v2/image/manifests/"
LARGE = 10**300
DIGITS = "9" * 5_000
# One half of what UTF-16 has for a letter, which JSON can write and UTF-8 cannot.
HALF = "\ud800"


def nested(depth: int, inner: str = "1", key: str = "a") -> str:
    return f'{{"{key}":' * depth + inner + "}" * depth


def config(members: Mapping[str, Any] | bytes) -> Callable[[Scene], None]:
    """An image with this config: as it is, or a usual one with these members."""
    data = members if isinstance(members, bytes) else json.dumps(config_document(**members)).encode()
    return lambda scene: ImageParts(config=data).put(scene.contents)


def container(**members: Any) -> Callable[[Scene], None]:
    return config({"config": members})


def manifest(members: Mapping[str, Any] | bytes) -> Callable[[Scene], None]:
    if isinstance(members, bytes):
        return lambda scene: ImageParts(manifest=members).put(scene.contents)
    return lambda scene: ImageParts(manifest_members=members).put(scene.contents)


def raw_config(text: str) -> Callable[[Scene], None]:
    """A config whose member "x" is this text."""
    usual = json.dumps(config_document())
    return config(f'{usual[:-1]},"x":{text}}}'.encode())


def raw_manifest(text: str) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        usual = ImageParts().manifest.decode()
        ImageParts(manifest=f'{usual[:-1]},"x":{text}}}'.encode()).put(scene.contents)

    return prepared


CONTAINERS: dict[str, dict[str, Any]] = {
    "command-is-an-object": {"Cmd": {"a": "b"}},
    "command-is-text": {"Cmd": "serve"},
    "command-of-objects": {"Cmd": [{}], "Entrypoint": [[]]},
    "entrypoint-is-a-number": {"Entrypoint": 7},
    "variables-are-an-object": {"Env": {"A": "b"}},
    "variables-are-numbers": {"Env": [1, 2]},
    "variables-are-null": {"Env": [None]},
    "labels-are-a-list": {"Labels": ["a"]},
    "labels-are-numbers": {"Labels": {"a": 1, "b": None, "c": {}}},
    "ports-are-a-list": {"ExposedPorts": ["80/tcp"]},
    "volumes-are-text": {"Volumes": "/data"},
    "user-is-a-number": {"User": 0},
    "user-is-an-object": {"User": {"a": "b"}, "WorkingDir": [], "StopSignal": 9},
    "half-a-letter-in-a-label": {"Labels": {HALF: HALF}},
    "half-a-letter-in-a-variable": {"Env": [f"A={HALF}"]},
    "half-a-letter-in-the-user": {"User": HALF, "WorkingDir": f"/{HALF}"},
    "half-a-letter-in-the-command": {"Cmd": [HALF], "Entrypoint": [HALF]},
    "half-a-letter-in-a-port": {"ExposedPorts": {HALF: {}}, "Volumes": {HALF: {}}},
    "health-check-is-text": {"Healthcheck": "true"},
}
CONFIGS: dict[str, Any] = {
    "config-is-a-list": {"config": []},
    "config-is-text": {"config": "x"},
    "history-is-an-object": {"history": {"created_by": "x"}},
    "history-of-texts": {"history": ["x"]},
    "history-of-numbers": {"history": [{"created_by": 5, "empty_layer": "no"}]},
    "history-of-halves": {"history": [{"created_by": HALF, "comment": HALF}]},
    "created-is-a-number": {"created": 5},
    "created-is-half-a-letter": {"created": HALF, "author": HALF},
    "architecture-is-a-number": {"architecture": 5},
    "architecture-is-half-a-letter": {"architecture": HALF},
    "system-is-a-list": {"os": ["linux"]},
    "variant-is-an-object": {"variant": {}, "os.features": "x"},
    "file-system-is-a-list": {"rootfs": []},
    "diff-ids-are-text": {"rootfs": {"type": "layers", "diff_ids": "sha256:x"}},
    "diff-ids-are-numbers": {"rootfs": {"type": "layers", "diff_ids": [1]}},
    "diff-ids-of-another-kind": {"rootfs": {"type": "layers", "diff_ids": ["md5:d41d8cd98f00b204e9800998ecf8427e"]}},
    "more-diff-ids-than-layers": {"rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"] * 5}},
    "no-json": b"{",
    "json-list": b"[]",
    "json-null": b"null",
    "empty": b"",
    "nul-bytes": bytes(100),
    "utf-16": json.dumps(config_document()).encode("utf-16"),
    "utf-8-with-a-mark": b"\xef\xbb\xbf" + json.dumps(config_document()).encode(),
    "not-utf-8": b'{"os":"\xff"}',
    "one-key-twice": b'{"os":"linux","os":"windows","architecture":"amd64"}',
}
# What JSON's own grammar allows, or Python's reader.
TEXTS = {
    "nested-900": nested(900),
    "nested-5000": nested(5_000),
    "nested-100000": nested(100_000),
    "lists-nested-100000": "[" * 100_000 + "]" * 100_000,
    "number-of-5000-digits": DIGITS,
    "number-of-a-million-digits": "9" * 1_000_000,
    "number-without-end": "1e999999999",
    "not-a-number": "NaN",
    "infinity": "-Infinity",
    "many-keys": "{" + ",".join(f'"{number}":1' for number in range(100_000)) + "}",
    "half-a-letter": '"\\ud800"',
    "half-a-letter-as-a-key": '{"\\udfff":"\\udfff"}',
}
_LAYER = {"mediaType": media_type.OCI_LAYER_GZIP, "digest": sandbox.OTHER_DIGEST, "size": 1}
MANIFESTS: dict[str, Any] = {
    "layers-are-an-object": {"layers": {"a": "b"}},
    "layers-are-numbers": {"layers": [1]},
    "layers-are-null": {"layers": None},
    "config-is-a-list": {"config": []},
    "config-is-missing": {"config": None},
    "size-is-negative": {"layers": [{**_LAYER, "size": -1}]},
    "size-is-enormous": {"layers": [{**_LAYER, "size": LARGE}]},
    "size-is-enormous-in-the-config": {"config": {**_LAYER, "mediaType": media_type.OCI_CONFIG, "size": LARGE}},
    "size-is-more-than-any-disk": {"layers": [{**_LAYER, "size": 2**64}]},
    "size-has-a-point": {"layers": [{**_LAYER, "size": 1.5}]},
    "size-is-true": {"layers": [{**_LAYER, "size": True}]},
    "size-is-text": {"layers": [{**_LAYER, "size": "1"}]},
    "digest-is-a-number": {"layers": [{**_LAYER, "digest": 1}]},
    "digest-leads-out": {"layers": [{**_LAYER, "digest": "sha256:../../../../etc/passwd"}]},
    "digest-of-a-kind-that-leads-out": {"layers": [{**_LAYER, "digest": f"../x:{'0' * 64}"}]},
    "digest-in-upper-case": {"layers": [{**_LAYER, "digest": f"sha256:{'A' * 64}"}]},
    "digest-of-full-width-digits": {"layers": [{**_LAYER, "digest": f"sha256:{'０' * 64}"}]},
    "digest-with-a-line-end": {"layers": [{**_LAYER, "digest": f"{sandbox.OTHER_DIGEST}\n"}]},
    "digest-is-short": {"layers": [{**_LAYER, "digest": "sha256:00"}]},
    "media-type-is-a-list": {"layers": [{**_LAYER, "mediaType": []}]},
    "media-type-of-the-manifest-is-a-number": {"mediaType": 5},
    "annotations-are-a-list": {"annotations": ["a"]},
    "annotations-are-numbers": {"annotations": {"a": 1}},
    "annotations-have-half-a-letter": {"annotations": {HALF: HALF}},
    "annotations-of-a-layer-are-text": {"layers": [{**_LAYER, "annotations": "x"}]},
    "urls-are-a-number": {"layers": [{**_LAYER, "urls": 5}]},
    "platform-is-text": {"layers": [{**_LAYER, "platform": "linux"}]},
    "version-is-text": {"schemaVersion": "2"},
    "version-is-true": {"schemaVersion": True},
    "version-is-1": {"schemaVersion": 1},
    "version-has-5000-digits": {"schemaVersion": 10**4_000},
    "manifest-and-index": {"manifests": []},
    "subject-is-text": {"subject": "x"},
    "no-json": b"{",
    "json-list": b"[1]",
    "empty": b"",
    "larger-than-4-mib": json.dumps({"schemaVersion": 2, "x": "a" * 5_000_000}).encode(),
}
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
# Answers to a request for a manifest that HTTP does not allow, or hardly.
ANSWERS: dict[str, bytes] = {
    "negative-content-length": raw_answer("200 OK", {"Content-Length": "-1"}, b"{}"),
    "content-length-is-no-number": raw_answer("200 OK", {"Content-Length": "many"}, b"{}"),
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
    "status-is-no-number": b"HTTP/1.1 abc OK\r\n" + _SHORT,
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
    for name, members in CONTAINERS.items():
        for how, command in (("shown", INSPECT), ("in-json", INSPECT_JSON), ("compared", DIFF)):
            yield Row(f"{name}-{how}", container(**members), command, ENDS)
    for name, given in CONFIGS.items():
        yield Row(f"config-{name}", config(given), INSPECT, ENDS)
    for name, text in TEXTS.items():
        yield Row(f"config-{name}", raw_config(text), INSPECT, ENDS)
        yield Row(f"config-{name}-in-json", raw_config(text), INSPECT_JSON, ENDS)
        yield Row(f"manifest-{name}", raw_manifest(text), PULL, ENDS)
    for name in ("nested-900", "half-a-letter", "number-of-5000-digits"):
        yield Row(f"config-{name}-compared", raw_config(TEXTS[name]), DIFF, ENDS)
        yield Row(f"config-{name}-of-a-base", partial(prepared, sandbox.base, raw_config(TEXTS[name])), BASE, ENDS)
        yield Row(f"config-{name}-remote", partial(prepared, sandbox.remote_images, raw_config(TEXTS[name])), REMOTE, ENDS)
    for name, given in MANIFESTS.items():
        yield Row(f"manifest-{name}", manifest(given), PULL, ENDS)
    for name in ("size-is-enormous", "size-is-negative", "digest-leads-out", "version-has-5000-digits"):
        yield Row(f"manifest-{name}-shown", manifest(MANIFESTS[name]), INSPECT_JSON)
        yield Row(f"manifest-{name}-remote", partial(prepared, sandbox.remote_images, manifest(MANIFESTS[name])), REMOTE, ENDS)
    for name, text in LIFETIMES.items():
        body = f'{{"token": "a-good-token", "expires_in": {text}}}'.encode()
        yield Row(f"lifetime-{name}", partial(token, body), PULL, ENDS)
    for name, body in TOKENS.items():
        yield Row(f"token-{name}", partial(token, body), PULL)
    for name, text in CHALLENGES.items():
        yield Row(f"challenge-{name}", partial(challenge, text), PULL)
    for name, answer in ANSWERS.items():
        yield Row(f"answer-{name}", partial(answered, MANIFEST, answer), PULL, waits=True)
    for name in ("negative-content-length", "content-length-of-5000-digits", "body-is-shorter", "chunk-of-negative-size"):
        yield Row(f"blob-{name}", partial(answered, "GET /v2/image/blobs/", ANSWERS[name]), PULL, waits=True)
        yield Row(f"upload-{name}", partial(answered, "POST /v2/pushed/", ANSWERS[name]), PUSH, waits=True)
    yield from large_answers()
    yield Row("index-of-itself-ten-hundred-deep", deep_indexes, PULL, ENDS, seconds=60)
    yield Row("index-of-itself-ten-hundred-deep-verified", deep_indexes, VERIFY, ENDS, seconds=60)
    yield Row("index-of-100000", index_of_many, INSPECT, ENDS)
    yield Row("index-platform-is-text", partial(index_of, {"platform": "linux/amd64"}), INSPECT)
    yield Row("index-platform-of-halves", partial(index_of, {"platform": {"os": HALF, "architecture": HALF}}), INSPECT, ENDS)
    yield Row("index-platform-of-numbers", partial(index_of, {"platform": {"os": 1, "architecture": 2}}), ("lock", "request.json"), ENDS)
    yield Row("chunk-length-of-5000-digits", chunk_length, PUSH, ENDS)
    yield Row("range-of-5000-digits", upload_range, PUSH, ENDS)
    yield Row("user-name-is-half-a-letter", odd_user, PULL, ENDS)
    yield Row("credentials-nested-100000", deep_credentials, PULL, ENDS)
    yield Row("usual", nothing, INSPECT_JSON, SUCCEEDS)
    yield Row("unknown-members", config({"x": {"y": [1, None, 2.5]}, "config": {"Shell": ["a"], "OnBuild": None}}), INSPECT, SUCCEEDS)
    yield Row("nested-90", raw_config(nested(90)), INSPECT_JSON, SUCCEEDS)


BASE = ("base", "request.json")
REMOTE = ("remote_images", "request.json")


def prepared(request: Callable[[Scene], None], prepare: Callable[[Scene], None], scene: Scene) -> None:
    prepare(scene)
    request(scene)


def token(body: bytes, scene: Scene) -> None:
    scene.login("token")
    scene.on("/token", raw_answer("200 OK", {"Content-Length": str(len(body)), "Connection": "close"}, body))


def challenge(text: str, scene: Scene) -> None:
    headers = {"WWW-Authenticate": scene.filled(text), "Content-Length": "0", "Connection": "close"}
    scene.on("/v2/", raw_answer("401 Who", headers))


def answered(pattern: str, answer: Reply, scene: Scene) -> None:
    """Nothing more comes on the connection, which is closed a little later."""
    scene.on_credentials(pattern, [answer, 0.3] if isinstance(answer, bytes) else answer)


def large_answers() -> Iterator[Row]:
    """What has no end, or says that it is large."""
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
    """A descriptor that says 1 TiB, and as many bytes as anybody reads."""
    described = {"mediaType": media_type.OCI_CONFIG, "digest": sandbox.OTHER_DIGEST, "size": 1024 * GIB}
    ImageParts(manifest_members={"config": described}).put(scene.contents)
    flood(f"blobs/{sandbox.OTHER_DIGEST}", b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", b" " * 65_536, scene)


def config_of_64_mib(scene: Scene) -> None:
    """Which is what its descriptor says."""
    ImageParts(config=json.dumps(config_document(x="a" * 64 * 1024 * 1024)).encode()).put(scene.contents)


def longer_layer(scene: Scene) -> None:
    layer = ImageParts().layers[0]
    flood(f"blobs/{Digest.of(layer)}", b"HTTP/1.1 200 OK\r\n\r\n" + layer, bytes(65_536), scene)


def deep_indexes(scene: Scene) -> None:
    """Each is of one index, and each digest is right."""
    image = ImageParts()
    image.put(scene.contents)
    repository = scene.contents.repositories["image"]
    data, kind = image.manifest, media_type.OCI_MANIFEST
    for _ in range(1_000):
        document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [descriptor(data, kind)]}
        data, kind = json.dumps(document).encode(), media_type.OCI_INDEX
        repository.manifests[str(Digest.of(data))] = (kind, data)
    repository.tags["1"] = str(Digest.of(data))
    scene.login("none")


def index_of(members: Mapping[str, Any], scene: Scene, count: int = 1) -> None:
    image = ImageParts()
    image.put(scene.contents)
    child = {**descriptor(image.manifest, media_type.OCI_MANIFEST), **members}
    document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [child] * count}
    data = json.dumps(document).encode()
    repository = scene.contents.repositories["image"]
    repository.manifests[str(Digest.of(data))] = (media_type.OCI_INDEX, data)
    repository.tags["1"] = str(Digest.of(data))
    sandbox.lock(scene)


def index_of_many(scene: Scene) -> None:
    """As many as 4 MiB have room for."""
    index_of({}, scene, 20_000)


def chunk_length(scene: Scene) -> None:
    headers = {"Location": "/v2/pushed/blobs/uploads/x", "OCI-Chunk-Min-Length": DIGITS, "Content-Length": "0"}
    scene.on_credentials("POST /v2/pushed/", raw_answer("202 Go", headers))


def upload_range(scene: Scene) -> None:
    """After a chunk was refused."""
    scene.on_credentials("PUT /v2/pushed/blobs", raw_answer("416 No", {"Content-Length": "0"}))
    status = {"Range": f"0-{DIGITS}", "Location": "/v2/pushed/blobs/uploads/x", "Content-Length": "0"}
    scene.on_credentials("GET /v2/pushed/blobs/uploads", raw_answer("204 There", status))


def odd_user(scene: Scene) -> None:
    entry = {"username": HALF, "password": scene.secrets["password"]}
    (scene.home / "config.json").write_text(json.dumps({"auths": {scene.registry.address: entry}}))


def deep_credentials(scene: Scene) -> None:
    (scene.home / "config.json").write_text(nested(100_000))


@pytest.mark.parametrize("row", table(rows()))
def test_documents_and_answers(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

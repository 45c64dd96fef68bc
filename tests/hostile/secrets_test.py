"""A server that repeats secrets that it received, anywhere and in any encoding: no output and no file has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Callable
from urllib.parse import quote

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, descriptor
from hostile.rows import ENDS, FAILS, FILES, INSPECT, INSPECT_JSON, PULL, PUSH, SUCCEEDS, Row, Scene, table
from hostile.texts import WRITINGS
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_http import FakeAnswer
from support.hostile_server import Received, raw_answer

Echo = Callable[[Scene, str], None]


def in_headers(pattern: str, status: int, **headers: str) -> Echo:
    """A response with "{}" in its headers, whose names have "_" for "-", that closes the connection."""

    def echo(scene: Scene, text: str) -> None:
        named = {
            name.replace("_", "-"): scene.filled(value).replace("{}", text)
            for name, value in {"Content_Length": "0", "Connection": "close", **headers}.items()
        }
        scene.on_credentials(pattern, raw_answer(f"{status} As you say", named))

    return echo


def body(pattern: str, status: int, form: Any, kind: str = "application/json") -> Echo:
    """A response whose body is text, or JSON, with "{}" somewhere."""

    def echo(scene: Scene, text: str) -> None:
        data = _with(form, text) if kind == "text/plain" else json.dumps(_with(form, text))
        scene.on_credentials(pattern, FakeAnswer(status, {"Content-Type": kind}, data.encode()))

    return echo


def _with(form: Any, text: str) -> Any:
    if isinstance(form, dict):
        return {_with(key, text): _with(value, text) for key, value in form.items()}
    if isinstance(form, list):
        return [_with(value, text) for value in form]
    return form.replace("{}", text) if isinstance(form, str) else form


def status_line(scene: Scene, text: str) -> None:
    scene.on_credentials("GET /v2/image/", raw_answer(f"403 {text}", {"Content-Length": "0"}))


def no_status_line(scene: Scene, text: str) -> None:
    scene.on_credentials("GET /v2/image/", text.encode() + b"\r\n\r\n")


def header_name(scene: Scene, text: str) -> None:
    scene.on_credentials("GET /v2/image/", raw_answer(f"403 No\r\n{text}: x", {"Content-Length": "0"}))


def chunk_size(scene: Scene, text: str) -> None:
    scene.on_credentials(
        "GET /v2/image/", raw_answer("403 No", {"Transfer-Encoding": "chunked"}, f"{text}\r\n".encode())
    )


def with_token(echo: Echo) -> Echo:
    """The echo of a registry that requires tokens."""

    def prepared(scene: Scene, text: str) -> None:
        password, login = scene.secrets["password"], scene.secrets["login"]
        scene.login("token")
        echo(scene, text.replace(password, scene.secrets["password"]).replace(login, scene.secrets["login"]))

    return prepared


def repeated_token(scene: Scene, text: str) -> None:
    """Repeat the Authorization header unchanged."""
    scene.login("token")
    scene.on_credentials("GET /v2/image/blobs", lambda request: _denied(f"no: {request.headers['authorization']}"))


def _denied(message: str) -> FakeAnswer:
    return FakeAnswer(403, {"Content-Type": "application/json"}, _errors(message))


def _errors(message: str) -> bytes:
    return json.dumps({"errors": [{"code": "DENIED", "message": message}]}).encode()


def document(part: str, form: Any) -> Echo:
    """An image whose `part` ("config" or "manifest") has members with "{}"."""

    def echo(scene: Scene, text: str) -> None:
        members = {f"{part}_members": _with(form, text)}
        ImageParts(**members).put(scene.contents)

    return echo


def index_platform(scene: Scene, text: str) -> None:
    image = ImageParts()
    image.put(scene.contents)
    child = descriptor(image.manifest, media_type.OCI_MANIFEST, platform={"os": text, "architecture": text})
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [child]}).encode()
    digest = str(Digest.of(index))
    contents = scene.contents.repositories["image"]
    contents.manifests[digest] = (media_type.OCI_INDEX, index)
    contents.tags["1"] = digest
    sandbox.lock(scene)


# The places in which a server can repeat a text, the command that reads each, and how that ends. An image that repeats
# a secret is not used: its texts go into files, and its digest depends on them.
PLACES: dict[str, tuple[Echo, tuple[str, ...], str]] = {
    "message": (body("GET /v2/image/", 403, {"errors": [{"code": "DENIED", "message": "you are {}"}]}), PULL, FAILS),
    "code": (body("GET /v2/image/", 403, {"errors": [{"code": "{}", "message": "no"}]}), PULL, FAILS),
    "detail": (body("GET /v2/image/", 400, {"error": {"details": "{}"}}), PULL, FAILS),
    "text": (body("GET /v2/image/", 403, "no, {}", "text/plain"), PULL, FAILS),
    "key": (body("GET /v2/image/", 403, {"errors": [{"{}": "x"}]}), PULL, FAILS),
    "token-server": (with_token(body("/token", 400, {"error": "{}", "error_description": "{}"})), PULL, FAILS),
    "token": (with_token(body("/token", 200, {"token": "{}\u00e9"})), PULL, FAILS),
    "lifetime": (with_token(body("/token", 200, {"token": "as-good-as-any", "expires_in": "{}"})), PULL, FAILS),
    "path": (in_headers("GET /v2/image/blobs", 307, Location="/{}"), PULL, FAILS),
    "path-of-an-upload": (in_headers("POST /v2/pushed/", 202, Location="/{}"), PUSH, FAILS),
    "path-elsewhere": (in_headers("GET /v2/image/blobs", 307, Location="http://127.0.0.1:1/{}"), PULL, FAILS),
    "query": (in_headers("GET /v2/image/blobs", 307, Location="/?a={}"), PULL, FAILS),
    "host": (in_headers("GET /v2/image/blobs", 307, Location="http://{}.invalid/x"), PULL, FAILS),
    "user": (in_headers("GET /v2/image/blobs", 307, Location="http://{}@$registry/x"), PULL, FAILS),
    "port": (in_headers("GET /v2/image/blobs", 307, Location="http://127.0.0.1:{}/x"), PULL, FAILS),
    "scheme": (in_headers("GET /v2/image/blobs", 307, Location="{}://127.0.0.1/x"), PULL, FAILS),
    "no-address": (in_headers("POST /v2/pushed/", 202, Location="ftp://{}/{}"), PUSH, FAILS),
    "digest": (
        in_headers("/v2/image/manifests", 200, Docker_Content_Digest="{}", Content_Type=media_type.OCI_MANIFEST),
        PULL,
        FAILS,
    ),
    "digest-of-a-kind": (in_headers("/v2/image/manifests", 200, Docker_Content_Digest="sha256:{}"), PULL, FAILS),
    "content-type": (in_headers("/v2/image/manifests", 204, Content_Type="{}"), PULL, FAILS),
    "content-type-of-an-upload": (in_headers("POST /v2/pushed/", 200, Content_Type="{}"), PUSH, FAILS),
    "chunk-length": (in_headers("POST /v2/pushed/", 202, OCI_Chunk_Min_Length="{}", Location="x"), PUSH, FAILS),
    "content-length": (in_headers("/v2/image/", 200, Content_Length="{}"), PULL, FAILS),
    "retry-after": (in_headers("/v2/image/", 429, Retry_After="999999{}"), PULL, FAILS),
    "warning": (in_headers("/v2/image/", 404, Warning='299 - "{}"'), ("survey", "request.json"), SUCCEEDS),
    "realm": (in_headers("/v2/", 401, WWW_Authenticate='Bearer realm="{}"'), PULL, FAILS),
    "realm-with-a-path": (in_headers("/v2/", 401, WWW_Authenticate='Bearer realm="http://$registry/{}"'), PULL, FAILS),
    "realm-with-a-host": (in_headers("/v2/", 401, WWW_Authenticate='Bearer realm="https://{}.invalid/x"'), PULL, FAILS),
    "scheme-of-a-challenge": (in_headers("/v2/", 401, WWW_Authenticate="{} a=b"), PULL, FAILS),
    "status": (status_line, PULL, FAILS),
    "no-status": (no_status_line, PULL, FAILS),
    "header": (header_name, PULL, FAILS),
    "chunk": (chunk_size, PULL, FAILS),
    "media-type-of-a-manifest": (document("manifest", {"mediaType": "{}"}), PULL, FAILS),
    "media-type-of-a-layer": (
        document("manifest", {"layers": [{"mediaType": "{}", "digest": sandbox.OTHER_DIGEST, "size": 1}]}),
        FILES,
        FAILS,
    ),
    "digest-of-a-layer": (
        document("manifest", {"layers": [{"mediaType": "x", "digest": "{}", "size": 1}]}),
        PULL,
        FAILS,
    ),
    "config-digest": (
        document("manifest", {"config": {"mediaType": "{}", "digest": "sha256:{}", "size": "{}"}}),
        PULL,
        FAILS,
    ),
    "config-list": (
        document("config", {"config": {"Env": ["{}"], "Labels": ["{}"], "Cmd": {"{}": "{}"}}}),
        INSPECT,
        FAILS,
    ),
    "diff-id": (document("config", {"rootfs": {"type": "layers", "diff_ids": ["{}"]}}), INSPECT, FAILS),
    "label": (document("config", {"config": {"Labels": {"a{}": "{}"}, "Env": ["A={}"], "User": "{}"}}), INSPECT, FAILS),
    "label-in-json": (document("config", {"config": {"Labels": {"a{}": "{}"}}, "author": "{}"}), INSPECT_JSON, FAILS),
    "annotation": (document("manifest", {"annotations": {"a{}": "{}"}}), INSPECT, FAILS),
    "platform": (index_platform, ("lock", "request.json"), ENDS),
}
# Places after which the client waits and tries again.
TRIED_AGAIN = ("retry-after", "no-status", "chunk", "content-length", "header")
SANDBOXED: dict[str, Callable[[Scene], None]] = {
    "lock": sandbox.lock,
    "base": sandbox.base,
    "remote_images": sandbox.remote_images,
    "survey": sandbox.survey,
}


def row(place: str, secret: str, writing: str, **others: Any) -> Row:
    echo, command, ends = PLACES[place]

    def prepared(scene: Scene) -> None:
        if command[0] in SANDBOXED:
            SANDBOXED[command[0]](scene)
        echo(scene, WRITINGS[writing](scene.secrets[secret]))

    return Row(f"{place}-{secret}-{writing}", prepared, command, ends, waits=place in TRIED_AGAIN, **others)


def rows() -> Iterator[Row]:
    for writing in WRITINGS:
        yield row("message", "password", writing)
    for writing in ("plain", "lower-case", "percent-for-all", "json-for-all", "hexadecimal", "base64"):
        yield row("message", "login", writing)
        yield row("path", "login", writing)
    for number, place in enumerate(sorted(PLACES.keys() - {"message"})):
        yield row(place, "password", "plain")
        yield row(place, "password", ("percent-in-lower-case", "base64-without-padding")[number % 2])
    for name, prepare in SANDBOXED.items():
        yield replace(
            row("message", "password", "plain"),
            name=f"answers-of-{name}",
            prepared=partial(denied_in_sandbox, prepare),
            command=(name, "request.json"),
            ends=ENDS,
        )
    yield Row("identity-token", identity_token)
    yield Row("identity-token-in-base64", partial(identity_token, write=WRITINGS["base64"]))
    yield Row("token-of-the-registry", partial(repeated_token, text=""))
    yield Row("header-as-it-came", header_as_it_came, PUSH)
    yield Row("not-a-secret", no_secret, says=["you are robot, from Berlin"])


def denied_in_sandbox(prepare: Callable[[Scene], None], scene: Scene) -> None:
    prepare(scene)
    PLACES["message"][0](scene, scene.secrets["password"])
    scene.on_credentials("/v2/image/", _denied(scene.secrets["login"]))


def identity_token(scene: Scene, write: Callable[[str], str] = str) -> None:
    scene.login("token", identity_token=True)
    text = write(scene.secrets["identity token"])
    scene.on_credentials("POST /token", _denied(f"a bad token: {text}"))


def header_as_it_came(scene: Scene) -> None:
    def answer(request: Received) -> FakeAnswer:
        text = request.headers["authorization"]
        headers = {"Location": f"/{text}/{quote(text)}?{text}", "Docker-Content-Digest": text, "Content-Type": text}
        return FakeAnswer(403, {**headers, "Warning": f'299 - "{text}"', "WWW-Authenticate": text}, text.encode())

    scene.on_credentials("POST /v2/", answer)


def no_secret(scene: Scene) -> None:
    """Messages of a server are still reported: the user's name is not a secret, nor are words within a password."""
    scene.on_credentials("GET /v2/image/", _denied("you are robot, from Berlin"))


@pytest.mark.parametrize("row", table(rows()))
def test_repeated_secrets(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

"""A registry that repeats secrets anywhere in its responses, in any encoding: none is shown."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable
from urllib.parse import quote

import pytest

from ocikit.errors import OcikitError
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import RawResponse, Request
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.secret import Credentials, Lookup, Secret
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.reference import Repository

_PASSWORD = "Planted-Password 42/+"
_TOKEN = "planted.Token-of-a-server_17"
_IDENTITY = "planted-Identity-9f8e7d6c5b"
_LAYER = b"a layer"
_BLOB = Descriptor(media_type.OCI_LAYER, Digest.of(_LAYER), len(_LAYER))
_MANIFEST = Manifest.of(_BLOB, [])

_WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "lower": str.lower,
    "percent": lambda text: quote(text, safe=""),
    "percent-twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent-all": lambda text: "".join(f"%{ord(letter):02x}" for letter in text),
    "json": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "html": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-bare": lambda text: base64.b64encode(f"a:{text}".encode()).decode().rstrip("="),
    "base64-lower": lambda text: base64.urlsafe_b64encode(f":{text}".encode()).decode().lower(),
    "hexadecimal": lambda text: text.encode().hex(),
}


@dataclass
class _Place:
    """Where a response to `method` repeats the secret."""

    method: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


_HTML = "<html>{}</html>"
_ERROR = '{{"errors":[{{"code":"{0}","message":"you are {0}","detail":"{0}"}}]}}'
PLACES = {
    "location": _Place("GET", 307, {"location": "https://r.example/{}"}),
    "location-elsewhere": _Place("GET", 302, {"location": "https://s.example/{}/{}"}),
    "location-host": _Place("GET", 302, {"location": "https://{}.example:1/"}),
    "location-nonsense": _Place("GET", 302, {"location": "gopher://{}\\{}"}),
    "location-port": _Place("GET", 302, {"location": "https://r.example:{}/"}),
    "upload": _Place("POST", 202, {"location": "https://r.example:x/{}"}),
    "upload-path": _Place("POST", 202, {"location": "/{}/up"}),
    "upload-range": _Place("POST", 416, {"range": "{}", "oci-chunk-min-length": "{}"}),
    "digest": _Place("GET", 200, {"docker-content-digest": "{}"}),
    "digest-of-put": _Place("PUT", 201, {"docker-content-digest": "sha256:{}"}),
    "content-type": _Place("GET", 200, {"content-type": "{}"}, "x"),
    "content-type-like": _Place("POST", 200, {"content-type": "application/{}"}),
    "warning": _Place("GET", 404, {"warning": '299 - "it is {}"'}),
    "retry-after": _Place("GET", 503, {"retry-after": "{}"}),
    "realm": _Place("GET", 401, {"www-authenticate": 'Bearer realm="{}",service="{}",scope="{}"'}),
    "realm-address": _Place("GET", 401, {"www-authenticate": 'Bearer realm="http://{}.example/{}",service="{}"'}),
    "tag": _Place("PUT", 201, {"oci-tag": "{}"}),
    "error": _Place("GET", 403, {}, _ERROR),
    "error-of-oauth": _Place("GET", 400, {}, '{{"error":"{0}","error_description":"{0}"}}'),
    "error-of-amazon": _Place("GET", 400, {}, '{{"__type":"{0}","Message":"{0}"}}'),
    "error-as-text": _Place("GET", 500, {}, "no, {}\n{}"),
    "error-at-a-border": _Place("GET", 500, {}, " " * (8 * 1024 - 9) + "{}" * 200),
    "html": _Place("GET", 200, {"content-type": "text/html"}, _HTML),
    "manifest": _Place("GET", 200, {}, '{{"schemaVersion":"{}","mediaType":"{}"}}'),
    "manifest-key": _Place("GET", 200, {}, '{{"schemaVersion":2,"{}":1,"config":"{}","layers":["{}"]}}'),
    "manifest-annotation": _Place("GET", 200, {}, "{manifest}"),
    "blob": _Place("GET", 418, {"content-type": "{}"}, "{}"),
}


class _Echo:
    """A `Transport` that authenticates with `scheme`, and repeats `echoed` in `place`."""

    def __init__(self, place: _Place, echoed: str, scheme: str) -> None:
        self._place = place
        self._echoed = echoed
        self._scheme = scheme

    def send(self, request: Request) -> RawResponse:
        if request.url.startswith("https://auth.example/"):
            return RawResponse(200, {}, io.BytesIO(json.dumps({"token": _TOKEN, "refresh_token": _IDENTITY}).encode()))
        if request.authorization is None and request.url.startswith("https://r.example/v2/"):
            return RawResponse(401, {"www-authenticate": self._scheme}, io.BytesIO())
        if self._place.method not in (request.method, request.method.replace("HEAD", "GET")):
            headers = {"location": "/v2/a/up"} if request.method == "POST" else {}
            return RawResponse(202, headers, io.BytesIO())
        headers = {name: self._say(value) for name, value in self._place.headers.items()}
        return RawResponse(self._place.status, headers, io.BytesIO(self._body().encode()))

    def _say(self, text: str) -> str:
        return text.format(*[self._echoed] * (text.count("{") * 2))

    def _body(self) -> str:
        if self._place.body == "{manifest}":
            return Manifest.of(_BLOB, [], annotations={"it": self._echoed}).data.decode()
        return (
            self._place.body.replace("{{", "\1")
            .replace("}}", "\2")
            .replace("{0}", "{}")
            .replace("{}", self._echoed)
            .replace("\1", "{")
            .replace("\2", "}")
        )


def _said(place: _Place, echoed: str, scheme: str, credentials: Credentials) -> str:
    """Everything that a client shows."""
    said: list[str] = []
    client = RegistryClient(
        "r.example",
        credentials=lambda registry, path: Lookup(credentials, "a file"),
        transport=_Echo(place, echoed, scheme),
        sleep=lambda seconds: None,
        on_pause=lambda host, seconds: said.append(host),
    )
    repository = RegistryRepository(client, Repository("r.example", "a"))
    works: tuple[Callable[[], object], ...] = (
        client.ping,
        lambda: repository.resolve("latest"),
        lambda: repository.fetch_manifest("latest"),
        lambda: repository.has_blob(_BLOB),
        lambda: repository.open_blob(_BLOB).__exit__(None, None, None),
        lambda: repository.push_blob(_BLOB, lambda: io.BytesIO(_LAYER)),
        lambda: repository.mount_blob(_BLOB, "b", lambda: io.BytesIO(_LAYER)),
        lambda: repository.push_manifest(_MANIFEST, "1"),
        lambda: repository.push_with_tags(_MANIFEST, ["1", "2"]),
    )
    for work in works:
        try:
            said.append(f"{work()!r}")
        except OcikitError as error:
            said.append(f"{error} {error!r} {error.args} {error.__dict__}")
    return "\n".join([*said, *client.warnings])


@pytest.mark.parametrize("write", _WRITINGS.values(), ids=list(_WRITINGS))
@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_nothing_secret_is_said(place: _Place, write: Callable[[str], str]) -> None:
    basic = Credentials("robot", Secret(_PASSWORD))
    pair = base64.b64encode(f"robot:{_PASSWORD}".encode()).decode()
    for scheme, credentials, secrets in (
        ('Basic realm="r"', basic, (_PASSWORD, pair, f"Basic {pair}")),
        ('Bearer realm="https://auth.example/"', basic, (_TOKEN, f"Bearer {_TOKEN}", _PASSWORD, _IDENTITY)),
        ('Bearer realm="https://auth.example/"', Credentials("", Secret(""), Secret(_IDENTITY)), (_IDENTITY,)),
    ):
        said = _said(place, "~".join(map(write, secrets)), scheme, credentials).lower()
        for secret in secrets:
            for form in (secret.lower(), write(secret).lower()):
                assert form not in said
                # At its ends a character of base64 may stay, which also depends on adjacent bytes.
                assert form[3:-3] not in said


def test_text_that_is_not_a_secret_is_shown() -> None:
    """The same responses, without secrets."""
    credentials = Credentials("robot", Secret(_PASSWORD))
    heard = {name for name, place in PLACES.items() if "words" in _said(place, "words", 'Basic realm="r"', credentials)}
    assert heard >= {
        "content-type-like",
        "warning",
        "realm-address",
        "error",
        "error-as-text",
    }
    # Invalid values are not quoted at all.
    assert not heard & {"digest", "digest-of-put", "content-type", "html", "tag", "retry-after", "upload-range"}


def test_a_digest_that_encodes_a_secret_is_refused() -> None:
    digest = "sha256:" + _PASSWORD.encode().hex().ljust(64, "0")
    place = _Place(
        "GET", 200, {"docker-content-digest": digest, "content-type": media_type.OCI_MANIFEST, "content-length": "9"}
    )
    said = _said(place, "", 'Basic realm="r"', Credentials("robot", Secret(_PASSWORD)))
    assert "not a secret that the registry received" in said and digest[:30] not in said


def test_a_config_that_repeats_a_secret_is_refused() -> None:
    data = json.dumps({"architecture": "amd64", "os": "linux", "author": _PASSWORD}).encode()
    config = Descriptor(media_type.OCI_CONFIG, Digest.of(data), len(data))
    place = _Place("GET", 200, {}, "{}")
    client = RegistryClient(
        "r.example",
        credentials=lambda registry, path: Lookup(Credentials("robot", Secret(_PASSWORD)), ""),
        transport=_Echo(place, data.decode(), 'Basic realm="r"'),
    )
    with pytest.raises(OcikitError, match="repeats a secret"):
        RegistryRepository(client, Repository("r.example", "a")).open_blob(config)

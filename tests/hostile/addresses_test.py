"""No server may send the client to a more private address than its own, or from TLS to plain text.

Most rows run in an isolated network, in which real addresses of every kind lead to this machine. The other host is an
internal one that a hostile registry wants the client to access.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Callable

import pytest

from hostile import sandbox
from hostile.rows import ENDS, FAILS, PULL, PUSH, SUCCEEDS, Row, Scene, Where, table
from ocikit.testing.fake_http import FakeAnswer
from support.client_process import Ran
from support.hostile_server import Received

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can make a network.")

PUBLIC, COMPANY = "11.0.0.1", "10.0.0.1"
PLAIN_PULL, PLAIN_PUSH = (*PULL, "--insecure"), (*PUSH, "--insecure")
Sending = Callable[[Scene, str], None]
# By name: the address of the other host, and an address that leads to it.
INSIDE = {
    "private": (COMPANY, "$other"),
    "private-192": ("192.168.7.1", "$other"),
    "private-172": ("172.16.0.1", "$other"),
    "shared": ("100.64.0.1", "$other"),
    "metadata": ("169.254.169.254", "$other"),
    "loopback": ("127.0.0.1", "$other"),
    "loopback-elsewhere": ("127.8.9.10", "$other"),
    "loopback-6": ("::1", "$other"),
    "unique-local": ("fd12::1", "$other"),
    "unspecified": ("127.0.0.1", "0.0.0.0:$other_port"),
    "unspecified-6": ("::1", "[::]:$other_port"),
    "zero": ("127.0.0.1", "0:$other_port"),
    "localhost": ("127.0.0.1", "localhost:$other_port"),
    "localhost-with-a-dot": ("127.0.0.1", "localhost.:$other_port"),
    "upper-case": ("127.0.0.1", "LOCALHOST:$other_port"),
    "name-of-a-private-address": (COMPANY, "company.example:$other_port"),
    "name-of-metadata": ("169.254.169.254", "metadata.example:$other_port"),
    "name-of-this-machine": ("127.0.0.1", "here.example:$other_port"),
    "name-of-two-addresses": (COMPANY, "both.example:$other_port"),
    "name-that-changes": ("127.0.0.1", "changing.example:$other_port"),
    "name-that-changes-to-inside": (COMPANY, "changing-inside.example:$other_port"),
    "one-number": ("127.0.0.1", "2130706433:$other_port"),
    "hexadecimal": ("127.0.0.1", "0x7f000001:$other_port"),
    "hexadecimal-in-parts": ("127.0.0.1", "0x7f.0.0.1:$other_port"),
    "octal": ("127.0.0.1", "0177.0.0.1:$other_port"),
    "short": ("127.0.0.1", "127.1:$other_port"),
    "private-in-one-number": (COMPANY, "167772161:$other_port"),
    "private-short": (COMPANY, "10.1:$other_port"),
    "private-octal": (COMPANY, "012.0.0.1:$other_port"),
    "metadata-in-one-number": ("169.254.169.254", "2852039166:$other_port"),
    "metadata-short": ("169.254.169.254", "169.254.43518:$other_port"),
    "mapped": ("127.0.0.1", "[::ffff:127.0.0.1]:$other_port"),
    "mapped-in-hexadecimal": ("127.0.0.1", "[::ffff:7f00:1]:$other_port"),
    "mapped-private": (COMPANY, "[::ffff:10.0.0.1]:$other_port"),
    "mapped-metadata": ("169.254.169.254", "[::ffff:a9fe:a9fe]:$other_port"),
    "compatible": ("127.0.0.1", "[::127.0.0.1]:$other_port"),
    "nat64": ("127.0.0.1", "[64:ff9b::127.0.0.1]:$other_port"),
    "zone": ("::1", "[::1%25lo]:$other_port"),
}


def blob(scene: Scene, host: str, scheme: str = "http") -> None:
    """Redirect a blob to the other host, which serves it to any client."""
    target = f"{scheme}://{scene.filled(host)}"
    scene.on("GET /v2/image/blobs/", lambda request: FakeAnswer(307, {"Location": target + request.target}))
    scene.other.answer = partial(open_to_all, scene)


def open_to_all(scene: Scene, request: Received) -> FakeAnswer:
    """The response of a host that serves blobs, accepts uploads and issues tokens, all without credentials."""
    if "token" in request.target:
        return FakeAnswer(200, {"Content-Type": "application/json"}, b'{"token": "from-elsewhere-for-anyone"}')
    digest = request.target.replace("%3A", ":").rpartition("=" if request.method == "PUT" else "/")[2]
    if request.method == "PUT":
        scene.contents.repositories["pushed"].blobs[digest] = request.body
        return FakeAnswer(201, {"Docker-Content-Digest": digest})
    return FakeAnswer(200, {}, scene.contents.repositories["image"].blobs.get(digest, b""))


def upload(scene: Scene, host: str, scheme: str = "http") -> None:
    target = f"{scheme}://{scene.filled(host)}/upload"
    scene.on("POST /v2/pushed/", FakeAnswer(202, {"Location": target}))
    scene.other.answer = partial(open_to_all, scene)


def chunk(scene: Scene, host: str) -> None:
    """Accept the first chunk, and send the next to the other host."""
    target = f"http://{scene.filled(host)}/upload"
    scene.on("PUT /v2/pushed/blobs/", FakeAnswer(405))
    scene.on("PATCH /v2/pushed/", FakeAnswer(202, {"Location": target}))
    scene.other.answer = partial(open_to_all, scene)


def realm(scene: Scene, host: str, scheme: str = "http") -> None:
    """Name a token server whose tokens are valid."""
    scene.login("token")
    challenge = f'Bearer realm="{scheme}://{scene.filled(host)}/token",service="x"'
    scene.on("/v2/", partial(answer_with_token, scene, challenge))
    scene.other.answer = partial(open_to_all, scene)


def answer_with_token(scene: Scene, challenge: str, request: Received) -> FakeAnswer:
    if "authorization" not in request.headers:
        return FakeAnswer(401, {"WWW-Authenticate": challenge})
    return FakeAnswer(404)


def anonymous_realm(scene: Scene, host: str) -> None:
    """Name a token server to a client without credentials: even the request itself must not be made."""
    realm(scene, host)
    (scene.home / "config.json").write_text("{}")


SENDING: dict[str, tuple[Sending, tuple[str, ...]]] = {
    "upload": (upload, PLAIN_PUSH),
    "chunk": (chunk, PLAIN_PUSH),
    "realm": (realm, PLAIN_PULL),
    "anonymous-realm": (anonymous_realm, PLAIN_PULL),
}


def sent(name: str, sending: Sending, host: str, command: tuple[str, ...], ends: str, where: Where, **more: Any) -> Row:
    return Row(name, lambda scene: sending(scene, host), command, ends, where=where, **more)


def apart(registry: str, other: str, **others: bool) -> Where:
    return Where(registry, other, apart=True, **others)


def inside() -> Iterator[Row]:
    """Rows of a public registry, marked as plain HTTP, that names an internal host."""
    for name, (other, host) in INSIDE.items():
        ends = ENDS if name in ("name-of-two-addresses", "name-that-changes", "name-that-changes-to-inside") else FAILS
        yield sent(f"blob-{name}", blob, host, PLAIN_PULL, ends, apart(PUBLIC, other), untouched=True)
    for place, (sending, command) in SENDING.items():
        for name in (
            "private",
            "metadata",
            "loopback",
            "unique-local",
            "name-of-this-machine",
            "hexadecimal",
            "mapped",
        ):
            other, host = INSIDE[name]
            yield sent(f"{place}-{name}", sending, host, command, FAILS, apart(PUBLIC, other), untouched=True)
    names = apart("registry.example", "127.0.0.1")
    yield sent("from-a-name", blob, "$other", PLAIN_PULL, FAILS, names, untouched=True)
    yield sent("from-a-name-with-ipv6", blob, "$other", PLAIN_PULL, FAILS, apart("six.example", "::1"), untouched=True)
    yield sent(
        "by-way-of-another", by_way_of_another, "$other", PLAIN_PULL, FAILS, apart(PUBLIC, COMPANY), untouched=True
    )
    yield sent(
        "company-to-metadata", blob, "$other", PLAIN_PULL, FAILS, apart(COMPANY, "169.254.169.254"), untouched=True
    )
    yield sent("company-to-loopback", blob, "$other", PLAIN_PULL, FAILS, apart(COMPANY, "127.0.0.1"), untouched=True)
    yield sent("company-to-loopback-6", realm, "$other", PLAIN_PULL, FAILS, apart(COMPANY, "::1"), untouched=True)
    yield sent(
        "company-upload-to-loopback", upload, "$other", PLAIN_PUSH, FAILS, apart(COMPANY, "127.0.0.1"), untouched=True
    )
    for name, prepare, command in (
        ("lock", sandbox.lock, ("lock", "request.json")),
        ("remote", sandbox.remote_images, ("remote_images", "request.json")),
    ):
        yield Row(
            f"{name}-asks-for-a-token-inside",
            partial(realm_in_a_sandbox, prepare),
            command,
            ENDS,
            untouched=True,
            where=apart(PUBLIC, "169.254.169.254"),
        )


def by_way_of_another(scene: Scene, host: str) -> None:
    """Redirect to another public host, which is allowed, and which redirects to an internal one."""
    inside = FakeAnswer(307, {"Location": f"http://{scene.filled(host)}/x"})
    third = scene.surroundings.server("cdn.example", lambda request: inside, tls=False, apart=True)
    scene.kept.enter_context(third)
    scene.on("GET /v2/image/blobs/", FakeAnswer(307, {"Location": f"{third.url}/x"}))


def realm_in_a_sandbox(prepare: Callable[..., None], scene: Scene) -> None:
    prepare(scene)
    request = (scene.work / "request.json").read_text()
    scene.write("request.json", request.replace('"registries": {}', '"registries": {"$registry": {"insecure": true}}'))
    realm(scene, "$other")


def plain_text() -> Iterator[Row]:
    """Rows of plain text: a request that begins with TLS keeps it, and credentials go to no other host without it."""
    secure = partial(apart, "registry.example", "cdn.example", tls=True)
    both = secure(other_tls=True)
    yield sent("tls-blob-to-plain", blob, "$other", PULL, FAILS, secure(), untouched=True)
    yield sent(
        "tls-blob-to-plain-at-a-port",
        blob,
        "registry.example:$other_port",
        PULL,
        FAILS,
        apart("registry.example", PUBLIC, tls=True),
        untouched=True,
    )
    yield sent("tls-upload-to-plain", upload, "$other", PUSH, FAILS, secure(), untouched=True)
    yield sent("tls-realm-to-plain", realm, "$other", PULL, FAILS, secure(), untouched=True)
    yield sent("tls-realm-to-plain-anonymous", anonymous_realm, "$other", PULL, FAILS, secure(), untouched=True)
    yield sent("tls-realm-to-plain-loopback", realm, "$other", PULL, FAILS, Where(tls=True), untouched=True)
    yield sent(
        "tls-realm-to-plain-at-a-port",
        realm,
        "127.0.0.1:$other_port",
        PULL,
        FAILS,
        Where(other="127.0.0.1", tls=True),
        untouched=True,
    )
    yield sent("plain-realm-elsewhere", realm, "$other", PULL, FAILS, Where())
    yield sent("token-redirected", token_redirected, "$other", PULL, FAILS, Where(), untouched=True)
    yield sent("token-redirected-in-tls", token_redirected, "$other", PULL, FAILS, both, untouched=True)
    yield sent("untrusted-other", blob_in_tls, "11.0.0.2:$other_port", PULL, FAILS, both)
    yield sent("untrusted-realm", realm_in_tls, "11.0.0.2:$other_port", PULL, FAILS, both)


def token_redirected(scene: Scene, host: str) -> None:
    scheme = scene.other.url.partition(":")[0]
    scene.login("token")
    scene.on("/token", FakeAnswer(307, {"Location": f"{scheme}://{scene.filled(host)}/token"}))


blob_in_tls = partial(blob, scheme="https")
realm_in_tls = partial(realm, scheme="https")
upload_in_tls = partial(upload, scheme="https")


def good() -> Iterator[Row]:
    """Rows of usual registries, which must work."""
    asked = {"after": the_other_was_asked}
    both = apart("registry.example", "cdn.example", tls=True, other_tls=True)
    yield sent("public-to-public", blob, "$other", PLAIN_PULL, SUCCEEDS, apart(PUBLIC, "11.0.0.2"), **asked)
    yield sent("public-to-ipv6", blob, "$other", PLAIN_PULL, SUCCEEDS, apart(PUBLIC, "2606:4700::1"), **asked)
    yield sent("company-to-company", blob, "$other", PLAIN_PULL, SUCCEEDS, apart(COMPANY, "192.168.7.1"), **asked)
    yield sent("company-to-public", blob, "$other", PLAIN_PULL, SUCCEEDS, apart(COMPANY, "11.0.0.2"), **asked)
    yield sent(
        "company-upload-to-company", upload, "$other", PLAIN_PUSH, SUCCEEDS, apart(COMPANY, "192.168.7.1"), **asked
    )
    yield sent("loopback-to-public", blob, "$other", PULL, SUCCEEDS, apart("127.0.0.1", "11.0.0.2"), **asked)
    yield sent("tls-to-tls", blob_in_tls, "$other", PULL, SUCCEEDS, both, **asked)
    yield sent("tls-upload-to-tls", upload_in_tls, "$other", PUSH, SUCCEEDS, both, **asked)
    yield sent(
        "plain-to-tls",
        blob_in_tls,
        "$other",
        PLAIN_PULL,
        SUCCEEDS,
        apart("registry.example", "cdn.example", other_tls=True),
        **asked,
    )
    yield Row("company", command=PLAIN_PULL, ends=SUCCEEDS, where=apart("company.example", "11.0.0.2"))
    yield Row("tls", ends=SUCCEEDS, where=apart("registry.example", "11.0.0.2", tls=True))
    yield Row("tls-push", command=PUSH, ends=SUCCEEDS, where=apart("registry.example", "11.0.0.2", tls=True))
    yield Row("metadata-of-its-own", command=PLAIN_PULL, ends=SUCCEEDS, where=apart("169.254.169.254", "11.0.0.2"))
    # Where credentials go to a token server on another host.
    yield with_token_server("tls-token-server", "https", PULL, both)
    company = "company.example"
    yield with_token_server("token-server-at-a-port", "http", PLAIN_PULL, apart(company, company))
    yield with_token_server(
        "insecure-token-server-in-tls", "https", PLAIN_PULL, apart(company, "tokens.company.example", other_tls=True)
    )
    # For a registry that is marked as insecure, the client may send them to another host without TLS, or refuse.
    plain = apart(company, "tokens.company.example")
    yield Row("token-server-elsewhere", partial(own_token_server, "http"), PLAIN_PULL, ENDS, where=plain, trusted=True)
    inside = apart("registry.example", COMPANY)
    for name, options in (("trusted-host", {"trusted_hosts": ["$other"]}), ("mirror", {"mirrors": ["$other"]})):
        prepared = partial(named_in_the_configuration, options)
        yield Row(name, prepared, ("lock", "request.json"), SUCCEEDS, where=inside, after=the_other_was_asked)
    yield Row(
        "own-address-in-plain-text",
        own_address_in_plain_text,
        ends=SUCCEEDS,
        where=apart("registry.example", "11.0.0.2", tls=True),
    )


def with_token_server(name: str, scheme: str, command: tuple[str, ...], where: Where) -> Row:
    """A row whose token server receives the password, as it should: only in the header."""
    return Row(
        name, partial(own_token_server, scheme), command, SUCCEEDS, where=where, trusted=True, after=the_other_was_asked
    )


def own_token_server(scheme: str, scene: Scene) -> None:
    scene.login("token")
    scene.contents.url = f"{scheme}://{scene.other.address}"


def named_in_the_configuration(options: Mapping[str, object], scene: Scene) -> None:
    """Configure an internal host as trusted or as a mirror, for a registry outside."""
    (scene.home / "config.json").write_text("{}")
    scene.login("none")
    sandbox.lock(scene, registries={"$registry": {"insecure": True, **options}})
    if "mirrors" in options:
        return
    blob(scene, "$other")


def own_address_in_plain_text(scene: Scene) -> None:
    """A registry that does not know of a proxy in front that ends TLS: its own plain URLs must be used with TLS."""
    plain = scene.registry.url.replace("https:", "http:")
    kept = scene.contents.repositories["kept"]
    kept.blobs.update(scene.contents.repositories["image"].blobs)
    moved = f"{plain}/v2/kept/blobs/"
    scene.on(
        "GET /v2/image/blobs/", lambda request: FakeAnswer(307, {"Location": moved + request.target.rpartition("/")[2]})
    )


def the_other_was_asked(scene: Scene, ran: Ran) -> Iterator[str]:
    if not scene.other.lines:
        yield "the other host was not asked"


@needs_root
@pytest.mark.parametrize("row", table([*inside(), *plain_text(), *good()]))
def test_where_servers_may_lead(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

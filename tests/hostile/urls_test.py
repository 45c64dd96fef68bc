"""Addresses that a server chooses: the client reads each as every parser does, or refuses it, and sends no secret.

The same forms are tried wherever a server can choose an address: redirects of blobs and manifests, locations of
uploads, and realms. The registry is 127.0.0.1 and the other host 127.0.0.2, each with a port.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Callable

import pytest

from hostile.rows import ENDS, FAILS, PULL, PUSH, SUCCEEDS, Row, Scene, table
from ocikit.testing.fake_http import FakeAnswer
from ocikit.testing.fake_registry import Faults
from support.client_process import Ran
from support.hostile_server import Received, on_the_wire

# Characters that a header's value cannot have are on a continuation line, which begins with a space.
FOLDED = "\r\n "

# Addresses that no client may follow: parsers disagree on where they lead, or they are not addresses.
REFUSED = {
    "backslash": "http://$other\\@$registry/v2/image/blobs/x",
    "backslash-after-the-host": "http://$other\\.$registry/x",
    "backslashes-for-slashes": "http:\\\\$other\\x",
    "backslash-in-a-path": "/v2/image\\..\\x",
    "slash-and-backslash": "/\\$other/x",
    "user": "http://$registry@$other/x",
    "user-and-password": "http://me:secret@$registry/x",
    "empty-user": "http://@$other/x",
    "two-at-signs": "http://$registry@$registry@$other/x",
    "semicolon-before-a-user": "http://$registry;@$other/x",
    "brackets-before-a-user": "http://[::1]@$other/x",
    "tab-in-the-host": "http://127.0.0\t.2:$other_port/x",
    "tab-in-the-scheme": "ht\ttp://$other/x",
    "tab-in-a-path": "/v2/image/\tx",
    "space-in-the-host": "http://$other /x",
    "space-in-a-path": "/v2/image/blobs/a b",
    "control-before": "\x01http://$other/x",
    "nul": "http://$other\0@$registry/x",
    "delete": "http://$other\x7f/x",
    "no-break-space": "http://$other\xa0/x",
    "next-line": "http://$other\x85@$registry/x",
    "folded": f"/v2/image/blobs/x HTTP/1.1{FOLDED}X-Injected: yes",
    "folded-host": f"http://$other{FOLDED}@$registry/x",
    "full-width-digits": on_the_wire("http://１２７.0.0.2:$other_port/x"),
    "full-width-port": on_the_wire("http://127.0.0.2:８０/x"),
    "ideographic-full-stops": on_the_wire("http://127。0。0。2:$other_port/x"),
    "circled-letters": on_the_wire("http://ⓛocalhost:$other_port/x"),
    "long-s": on_the_wire("http://localhoſt:$other_port/x"),
    "soft-hyphen": on_the_wire("http://127.0.0.\u00ad2:$other_port/x"),
    "not-utf-8": "http://127.0.0.2\xff:$other_port/x",
    "two-ports": "http://$other:80/x",
    "port-0": "http://127.0.0.2:0/x",
    "port-65536": "http://127.0.0.2:65536/x",
    "port-that-wraps": "http://127.0.0.2:4295032832/x",
    "port-with-a-sign": "http://127.0.0.2:+$other_port/x",
    "negative-port": "http://127.0.0.2:-$other_port/x",
    "port-with-an-underscore": "http://127.0.0.2:1_0$other_port/x",
    "port-in-hexadecimal": "http://127.0.0.2:0x50/x",
    "host-behind-a-port": "http://$registry.example:80/x",
    "open-bracket": "http://[::1:$other_port/x",
    "close-bracket": "http://::1]:$other_port/x",
    "text-behind-a-bracket": "http://[::1]$other/x",
    "no-address-in-brackets": "http://[localhost]:$other_port/x",
    "ipv4-in-brackets": "http://[127.0.0.2]:$other_port/x",
    "zone": "http://[fe80::1%25lo]:$other_port/x",
    "zone-with-an-address": "http://[::1%25@127.0.0.2]:$other_port/x",
    "escaped-at-sign": "http://$other%40$registry/x",
    "escaped-slash": "http://127.0.0.2%2f.example:$other_port/x",
    "escaped-dot": "http://127%2e0.0.2:$other_port/x",
    "escaped-nul": "http://127.0.0.2%00.example:$other_port/x",
    "no-host": "http:///$other/x",
    "no-host-but-a-port": "http://:$other_port/x",
    "dots-for-a-host": "http://..:$other_port/x",
    "empty-label": "http://a..b:$other_port/x",
    "very-long-host": f"http://{'a' * 300}:$other_port/x",
    "no-slashes": "http:$other/x",
    "no-slashes-and-a-user": "http:$registry@$other/x",
    "one-slash": "http:/$other/x",
    "file": "file:///etc/hostname",
    "ftp": "ftp://$other/x",
    "unix-socket": "unix:///var/run/docker.sock",
    "socket-in-the-scheme": "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
    "data": "data:text/plain,x",
}
# Addresses that a client may follow or refuse: in either case, the other host gets no secret.
ODD = {
    "fragment": "http://$other#@$registry/x",
    "query-for-a-path": "http://$other?@$registry/x",
    "no-scheme": "//$other/v2/image/blobs/x",
    "no-scheme-and-no-host": "///$other/x",
    "empty-port": "http://127.0.0.2:/x",
    "leading-zeroes-in-a-port": "http://127.0.0.2:00$other_port/x",
    "mapped-into-ipv6": "http://[::ffff:127.0.0.2]:$other_port/x",
    "the-registry-s-host-at-another-port": "http://127.0.0.1:1/x",
    "dot-segments": "/../../../x",
    "empty": "",
    "very-long": "/v2/image/blobs/" + "a" * 60_000,
}
# Usual addresses.
GOOD = {
    "absolute": "http://$registry/v2/kept/blobs/{digest}",
    "path": "/v2/kept/blobs/{digest}",
    "relative": "../../kept/blobs/{digest}",
    "upper-case-scheme": "HTTP://$registry/v2/kept/blobs/{digest}",
    "query": "/v2/kept/blobs/{digest}?a=b%2Fc&d=~!*'();:+,e=",
}

Prepare = Callable[[Scene, str], None]


def redirected_blob(scene: Scene, url: str) -> None:
    scene.on("GET /v2/image/blobs/", FakeAnswer(307, {"Location": url}))


def redirected_manifest(scene: Scene, url: str) -> None:
    scene.on("GET /v2/image/manifests/", FakeAnswer(302, {"Location": url}))


def started_upload(scene: Scene, url: str) -> None:
    scene.on("POST /v2/pushed/blobs/uploads/", FakeAnswer(202, {"Location": url}))


def continued_upload(scene: Scene, url: str) -> None:
    """Choose the location of the next chunk, in a registry that requires chunks."""
    scene.contents.faults = Faults(require_chunks=True)
    scene.on("PATCH /v2/pushed/blobs/uploads/", FakeAnswer(202, {"Location": url}))


def redirected_upload(scene: Scene, url: str) -> None:
    scene.on("PUT /v2/pushed/blobs/uploads/", FakeAnswer(307, {"Location": url}))


def realm(scene: Scene, url: str) -> None:
    quoted = url.replace("\\", "\\\\")
    challenge = {"WWW-Authenticate": f'Bearer realm="{quoted}",service="fake",scope="repository:image:pull"'}
    scene.on("/v2/", FakeAnswer(401, challenge))


# The places of a chosen address, the command that follows each, and the forms to try there: the index of the first, and
# the step. One function refuses them all, so the first place has all forms and the others have some.
PLACES: dict[str, tuple[Prepare, tuple[str, ...], int, int]] = {
    "blob": (redirected_blob, PULL, 0, 1),
    "upload": (started_upload, PUSH, 0, 2),
    "realm": (realm, PULL, 1, 2),
    "manifest": (redirected_manifest, PULL, 0, 9),
    "chunk": (continued_upload, PUSH, 0, 9),
    "put": (redirected_upload, PUSH, 0, 9),
}


def row(place: str, prepare: Prepare, command: tuple[str, ...], form: str, url: str, ends: str, **others: bool) -> Row:
    def prepared(scene: Scene) -> None:
        prepare(scene, scene.filled(url))

    return Row(f"{place}-{form}", prepared, command, ends, after=without_injection, **others)  # type: ignore[arg-type]


def without_injection(scene: Scene, ran: Ran) -> Iterator[str]:
    if b"\r\nX-Injected" in scene.registry.received + scene.other.received:
        yield "request: an address became a header"


def rows() -> Iterator[Row]:
    for place, (prepare, command, first, each) in PLACES.items():
        for form, url in itertools.islice(REFUSED.items(), first, None, each):
            yield row(place, prepare, command, form, url, FAILS, untouched=True)
        for form, url in ODD.items() if each < 3 else ():
            yield row(place, prepare, command, form, url, ENDS)
    yield Row("redirects-without-end", lambda scene: redirected_blob(scene, "/v2/image/blobs/again"), says=["10"])
    yield Row("there-and-back", there_and_back, ends=ENDS)
    yield Row("manifest-sent-elsewhere", manifest_sent_elsewhere, PUSH, untouched=True)
    yield Row("upload-begun-elsewhere", upload_begun_elsewhere, PUSH, untouched=True)
    yield Row("usual", ends=SUCCEEDS)
    yield Row("usual-push", command=PUSH, ends=SUCCEEDS)
    yield Row("cdn", cdn, ends=SUCCEEDS, after=asked_the_other)
    yield Row("cdn-for-uploads", cdn_for_uploads, PUSH, SUCCEEDS, after=asked_the_other)
    yield Row("token-server-at-another-port", token_server, ends=SUCCEEDS)
    yield Row("relative-upload", relative_upload, PUSH, SUCCEEDS)
    for form, url in GOOD.items():
        yield Row(f"blob-{form}", lambda scene, url=url: moved_blobs(scene, url), ends=SUCCEEDS)  # type: ignore[misc]


def there_and_back(scene: Scene) -> None:
    """Redirect to the other host, which redirects back to the registry, where credentials may be needed again."""
    redirected_blob(scene, f"{scene.other.url}/back")
    scene.other.answer = lambda request: FakeAnswer(307, {"Location": f"{scene.registry.url}/v2/image/blobs/there"})


def manifest_sent_elsewhere(scene: Scene) -> None:
    scene.on("PUT /v2/pushed/manifests/", FakeAnswer(307, {"Location": f"{scene.other.url}/v2/pushed/manifests/1"}))


def upload_begun_elsewhere(scene: Scene) -> None:
    scene.on("POST /v2/pushed/", FakeAnswer(308, {"Location": f"{scene.other.url}/v2/pushed/blobs/uploads/"}))


def cdn(scene: Scene) -> None:
    """Redirect blobs to another host, which requires no credentials and must not receive any."""

    def answer(request: Received) -> FakeAnswer:
        digest = request.target.partition("?")[0].rpartition("/")[2]
        return FakeAnswer(200, {}, scene.contents.repositories["image"].blobs[digest])

    scene.contents.faults = Faults(redirect_blobs=scene.other.url)
    scene.other.answer = answer


def cdn_for_uploads(scene: Scene) -> None:
    def answer(request: Received) -> FakeAnswer:
        digest = request.target.rpartition("digest=")[2].replace("%3A", ":")
        scene.contents.repositories["pushed"].put_blob(request.body, digest)
        return FakeAnswer(201, {"Docker-Content-Digest": digest})

    scene.contents.faults = Faults(uploads_at=scene.other.url)
    scene.other.answer = answer


def asked_the_other(scene: Scene, ran: Ran) -> Iterator[str]:
    if not scene.other.lines:
        yield "the other host was not asked"


def token_server(scene: Scene) -> None:
    """A token server at another port of the same machine, which may receive the password."""
    scene.login("token")
    scene.contents.url = f"http://{scene.contents.address}"


def relative_upload(scene: Scene) -> None:
    scene.contents.faults = Faults(relative_location=True)


def moved_blobs(scene: Scene, url: str) -> None:
    """Redirect blobs to another repository of the registry, which requires authentication as well."""
    kept = scene.contents.repositories["kept"]
    kept.blobs.update(scene.contents.repositories["image"].blobs)

    def answer(request: Received) -> FakeAnswer:
        digest = request.target.rpartition("/")[2]
        return FakeAnswer(307, {"Location": scene.filled(url).replace("{digest}", digest)})

    scene.on("GET /v2/image/blobs/", answer)


@pytest.mark.parametrize("row", table(rows()))
def test_addresses(row: Row, check: Callable[[Row], None]) -> None:
    check(row)

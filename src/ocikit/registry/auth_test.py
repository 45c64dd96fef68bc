"""Authentication over a scripted transport: exact requests, exact headers."""

from __future__ import annotations

import json

import pytest

from ocikit.errors import (
    InvalidInput,
    NetworkError,
    OcikitError,
    ProtocolViolation,
    Unauthorized,
)
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.http import Request, resolve_location
from ocikit.registry.options import RegistryOptions
from ocikit.registry.secret import Credentials, Lookup, Secret, anonymous
from ocikit.testing.scripted_transport import Exchange, ScriptedTransport

_REGISTRY = "r.example"
_URL = "https://r.example/v2/a/manifests/x"
_ACCESS = Access("a", ("repository:a:pull",))
_BOB = Credentials("bob", Secret("planted"))
_REFRESH = Credentials("", Secret(""), Secret("planted"))
_BASIC = "Basic Ym9iOnBsYW50ZWQ="
_TOKEN_CHALLENGE = {
    "WWW-Authenticate": 'Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull"'
}
_TOKEN_URL = "https://auth.example/token?service=r&scope=repository%3Aa%3Apull"


def _client(
    script: ScriptedTransport,
    credentials: Credentials | None = None,
    now: list[float] | None = None,
    **options: object,
) -> RegistryClient:
    def find(registry: str, path: str) -> Lookup:
        return Lookup(credentials, "/home/bob/.docker/config.json")

    clock = (lambda: now[0]) if now else (lambda: 0.0)
    return RegistryClient(
        _REGISTRY,
        credentials=find,
        transport=script,
        clock=clock,
        **options,  # type: ignore[arg-type]
    )


def _token(text: str, **more: object) -> bytes:
    return json.dumps({"token": text, **more}).encode()


def _ask(client: RegistryClient, url: str = _URL, access: Access = _ACCESS) -> int:
    return client.ask(Request("GET", url), access, 200).status


def test_no_challenge() -> None:
    with ScriptedTransport([Exchange("GET", _URL)]) as script:
        assert _ask(_client(script, _BOB)) == 200


def test_basic_is_remembered() -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="r"'}
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, challenge),
            Exchange("GET", _URL, authorization=_BASIC),
            Exchange("GET", _URL, authorization=_BASIC),
        ]
    )
    with script:
        client = _client(script, _BOB)
        _ask(client)
        _ask(client)


@pytest.mark.parametrize("credentials, authorization", [(None, None), (_BOB, _BASIC)], ids=["anonymous", "password"])
def test_a_token_is_kept_until_it_expires(credentials: Credentials | None, authorization: str | None) -> None:
    now = [0.0]
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE),
            Exchange("GET", _TOKEN_URL, body=_token("t1"), authorization=authorization),
            Exchange("GET", _URL, authorization="Bearer t1"),
            Exchange("GET", _URL, authorization="Bearer t1"),
            Exchange("GET", _TOKEN_URL, body=_token("t2", expires_in=300), authorization=authorization),
            Exchange("GET", _URL, authorization="Bearer t2"),
            Exchange("GET", _URL, authorization="Bearer t2"),
        ]
    )
    with script:
        client = _client(script, credentials, now)
        for now[0] in (0, 50, 59, 300):
            _ask(client)


def test_a_refused_token_is_replaced_once() -> None:
    refused = {"errors": [{"code": "UNAUTHORIZED", "message": "who is t3?"}]}
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE),
            Exchange("GET", _TOKEN_URL, body=_token("t1"), authorization=_BASIC),
            Exchange("GET", _URL, authorization="Bearer t1"),
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE, authorization="Bearer t1"),
            Exchange("GET", _TOKEN_URL, body=_token("t2"), authorization=_BASIC),
            Exchange("GET", _URL, authorization="Bearer t2"),
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE, authorization="Bearer t2"),
            Exchange("GET", _TOKEN_URL, body=_token("t3"), authorization=_BASIC),
            Exchange(
                "GET",
                _URL,
                401,
                _TOKEN_CHALLENGE,
                json.dumps(refused).encode(),
                authorization="Bearer t3",
            ),
        ]
    )
    with script:
        client = _client(script, _BOB)
        _ask(client)
        _ask(client)
        with pytest.raises(Unauthorized) as raised:
            _ask(client)
    assert str(raised.value) == (
        'the registry answered 401 UNAUTHORIZED "who is [secret]?" (GET '
        'https://r.example/v2/a/manifests/x). The credentials for "r.example" are from '
        "/home/bob/.docker/config.json; if they are wrong or too old, run `docker login r.example`."
    )


def test_an_identity_token_is_exchanged() -> None:
    form = b"grant_type=refresh_token&service=r&client_id=ocikit&scope=repository%3Aa%3Apull&refresh_token=planted"
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE),
            Exchange("POST", "https://auth.example/token", body=b'{"access_token":"t"}', sent=form),
            Exchange("GET", _URL, authorization="Bearer t"),
        ]
    )
    with script:
        assert _ask(_client(script, _REFRESH)) == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://evil.example/", "/elsewhere", ""])
@pytest.mark.parametrize("credentials", [None, _BOB, _REFRESH], ids=["anonymous", "password", "identity-token"])
def test_redirects_of_a_token_server_are_not_followed(
    credentials: Credentials | None, status: int, location: str
) -> None:
    asked = Exchange("GET", _TOKEN_URL, status, {"Location": location}, authorization=_BASIC if credentials else None)
    if credentials is _REFRESH:
        asked = Exchange("POST", "https://auth.example/token", status, {"Location": location})
    script = ScriptedTransport([Exchange("GET", _URL, 401, _TOKEN_CHALLENGE), asked])
    with script, pytest.raises(ProtocolViolation, match="redirects of a token server are not followed"):
        _ask(_client(script, credentials))


@pytest.mark.parametrize(
    "base, realm, insecure, expected",
    [
        pytest.param("https://r.example", "https://auth.example/t", False, "https://auth.example/t", id="tls"),
        pytest.param(
            "https://r.example", "HTTP://R.example/t#x", False, "https://r.example/t", id="the-own-host-is-tls"
        ),
        pytest.param("https://r.example", "http://r.example:81/t", False, None, id="another-port-without"),
        pytest.param("https://r.example", "http://auth.example/t", False, None, id="another-host-without"),
        pytest.param("https://r.example", "http://127.0.0.1/t", False, None, id="this-machine-without"),
        pytest.param("http://r.example", "http://r.example/t", False, None, id="not-marked"),
        pytest.param("http://r.example", "http://r.example:81/t", True, "http://r.example:81/t", id="marked"),
        pytest.param("http://r.example", "https://auth.example/t", True, "https://auth.example/t", id="marked-and-tls"),
        pytest.param("http://r.example", "http://auth.example/t", True, None, id="marked-and-another-host"),
        pytest.param("http://r.example", "http://127.0.0.1/t", True, None, id="marked-and-this-machine"),
        pytest.param("http://127.0.0.1:5000", "http://127.0.0.1:81/t", False, "http://127.0.0.1:81/t", id="loopback"),
        pytest.param("http://localhost:5000", "http://127.0.0.1:81/t", False, "http://127.0.0.1:81/t", id="localhost"),
        pytest.param("http://[::1]:5000", "http://localhost:81/t", False, "http://localhost:81/t", id="version-6"),
        pytest.param("http://127.0.0.1:5000", "http://127.0.0.2:81/t", False, None, id="another-loopback-address"),
        pytest.param("http://127.0.0.1:5000", "http://auth.example/t", False, None, id="loopback-and-another-host"),
    ],
)
@pytest.mark.parametrize("credentials", [_BOB, _REFRESH], ids=["password", "identity-token"])
def test_where_credentials_go(
    base: str, realm: str, insecure: bool, expected: str | None, credentials: Credentials
) -> None:
    url = f"{base}/v2/"
    basic = credentials is _BOB
    script = [Exchange("GET", url, 401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})]
    if expected:
        authorization = _BASIC if basic else None
        script += [
            Exchange("GET" if basic else "POST", expected, body=_token("t"), authorization=authorization),
            Exchange("GET", url, authorization="Bearer t"),
        ]
    registry, options = base.partition("://")[2], RegistryOptions(insecure=insecure)
    with ScriptedTransport(script) as transport:
        client = RegistryClient(
            registry,
            credentials=lambda registry, path: Lookup(credentials, "a file"),
            transport=transport,
            options=options,
            scheme=base.partition(":")[0],
        )
        if expected:
            assert client.ask(Request("GET", url), Access(), 200).status == 200
            return
        with pytest.raises(InvalidInput, match="requires credentials at http://"):
            client.ask(Request("GET", url), Access(), 200)


def test_a_realm_is_without_fragment_and_user() -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="https://auth.example/token?a=b#c"'}
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, challenge),
            Exchange("GET", "https://auth.example/token?a=b&scope=repository%3Aa%3Apull", body=_token("t")),
            Exchange("GET", _URL, authorization="Bearer t"),
        ]
    )
    with script:
        _ask(_client(script))
    challenge = {"WWW-Authenticate": 'Bearer realm="https://planted@auth.example/token"'}
    with (
        ScriptedTransport([Exchange("GET", _URL, 401, challenge)]) as script,
        pytest.raises(ProtocolViolation, match="user information") as raised,
    ):
        _ask(_client(script, _BOB))
    assert "planted" not in str(raised.value)


def test_other_repositories_need_no_second_401() -> None:
    other = "https://r.example/v2/b/manifests/x"
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, _TOKEN_CHALLENGE),
            Exchange("GET", _TOKEN_URL, body=_token("t1")),
            Exchange("GET", _URL, authorization="Bearer t1"),
            Exchange(
                "GET",
                "https://auth.example/token?service=r&scope=repository%3Ab%3Apull%2Cpush",
                body=_token("t2"),
            ),
            Exchange("GET", other, authorization="Bearer t2"),
        ]
    )
    with script:
        client = _client(script)
        _ask(client)
        _ask(client, other, Access("b", ("repository:b:pull,push",)))


def test_scopes_that_a_mirror_names_are_requested_too() -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="https://auth.example/token?x=y",scope="repository:mirror/a:pull"'}
    url = "https://auth.example/token?x=y&scope=repository%3Aa%3Apull&scope=repository%3Amirror%2Fa%3Apull"
    script = ScriptedTransport(
        [
            Exchange("GET", _URL, 401, challenge),
            Exchange("GET", url, body=_token("t")),
            Exchange("GET", _URL, authorization="Bearer t"),
            Exchange("GET", _URL, authorization="Bearer t"),
        ]
    )
    with script:
        client = _client(script)
        _ask(client)
        _ask(client)


@pytest.mark.parametrize(
    "challenge, status, body, expected",
    [
        pytest.param("", 0, b"", Unauthorized, id="no-challenge"),
        pytest.param("Negotiate", 0, b"", Unauthorized, id="unknown-scheme"),
        pytest.param("Bearer service=r", 0, b"", ProtocolViolation, id="no-realm"),
        pytest.param("Bearer realm=/token", 0, b"", ProtocolViolation, id="realm-without-host"),
        pytest.param("Bearer realm=http://[::1", 0, b"", ProtocolViolation, id="realm-is-not-a-url"),
        pytest.param("Bearer realm=https://x/t", 401, b"planted", Unauthorized, id="refused"),
        pytest.param("Bearer realm=https://x/t", 200, b"<html>", ProtocolViolation, id="html"),
        pytest.param("Bearer realm=https://x/t", 200, b"{}", ProtocolViolation, id="no-token"),
        pytest.param(
            "Bearer realm=https://x/t", 200, b'{"token":"%s"}' % (b"t" * 65536), ProtocolViolation, id="too-long"
        ),
        pytest.param("Bearer realm=https://x/t", 200, b'{"token":"a\\nb"}', ProtocolViolation, id="two-lines"),
        pytest.param("Bearer realm=http://x/t", 0, b"", InvalidInput, id="realm-in-plain-text"),
    ],
)
def test_errors(challenge: str, status: int, body: bytes, expected: type) -> None:
    exchanges = [Exchange("GET", _URL, 401, {"WWW-Authenticate": challenge})]
    if status:
        url = "https://x/t?scope=repository%3Aa%3Apull"
        exchanges.append(Exchange("GET", url, status, body=body, authorization=_BASIC))
    with ScriptedTransport(exchanges) as script, pytest.raises(OcikitError) as raised:
        _ask(_client(script, _BOB))
    assert type(raised.value) is expected
    assert "planted" not in f"{raised.value} {raised.value!r} {raised.value.__dict__}"


def test_no_credentials() -> None:
    exchanges = [Exchange("GET", _URL, 401, {"WWW-Authenticate": "Basic realm=r"})]
    with ScriptedTransport(exchanges) as script, pytest.raises(Unauthorized) as raised:
        _ask(_client(script))
    assert str(raised.value).endswith(
        'No credentials for "r.example" in /home/bob/.docker/config.json; run `docker login r.example`.'
    )


def test_credentials_are_for_https_or_for_the_registry_marked_insecure() -> None:
    base = "http://r.example/v2/a/manifests/x"
    challenge = {"WWW-Authenticate": "Basic realm=r"}
    with (
        ScriptedTransport([Exchange("GET", base, 401, challenge)]) as script,
        pytest.raises(InvalidInput, match="requires credentials at http://r.example"),
    ):
        _ask(_client(script, _BOB, scheme="http"), base)
    exchanges = [Exchange("GET", base, 401, challenge), Exchange("GET", base, authorization=_BASIC)]
    with ScriptedTransport(exchanges) as script:
        _ask(_client(script, _BOB, options=RegistryOptions(insecure=True)), base)
    elsewhere = {"WWW-Authenticate": "Bearer realm=http://auth.example/token"}
    with (
        ScriptedTransport([Exchange("GET", base, 401, elsewhere)]) as script,
        pytest.raises(InvalidInput, match="requires credentials at http://auth.example/token"),
    ):
        _ask(_client(script, _BOB, options=RegistryOptions(insecure=True)), base)


def test_another_host_gets_no_secret_and_its_challenge_is_ignored() -> None:
    challenge = {"WWW-Authenticate": "Basic realm=r"}
    exchanges = [
        Exchange("GET", _URL, 401, challenge),
        Exchange("GET", _URL, 307, {"Location": "https://s.example/x?sign"}, authorization=_BASIC),
        Exchange("GET", "https://s.example/x?sign", 401, challenge),
        Exchange("PUT", "https://s.example/upload", 201),
    ]
    with ScriptedTransport(exchanges) as script:
        client = _client(script, _BOB)
        with pytest.raises(Unauthorized, match=r"\(GET https://s.example/x\)"):
            _ask(client)
        client.ask(Request("PUT", "https://s.example/upload"), _ACCESS, 201)


@pytest.mark.parametrize(
    "location, insecure, expected",
    [
        pytest.param("http://s.example/x", False, None, id="another-host"),
        pytest.param("http://r.example:81/x", False, None, id="another-port"),
        pytest.param("http://127.0.0.1/x", False, None, id="this-machine"),
        pytest.param("http://r.example/x", False, "https://r.example/x", id="the-own-host-is-tls"),
        pytest.param("//s.example/x", False, "https://s.example/x", id="as-before"),
        pytest.param("http://s.example/x", True, "http://s.example/x", id="marked"),
    ],
)
def test_https_stays_https(location: str, insecure: bool, expected: str | None) -> None:
    """For redirects, and for upload addresses, which the caller requests."""
    options = RegistryOptions(insecure=insecure)
    put = Request("PUT", resolve_location(_URL, location))
    script = [Exchange("GET", _URL, 307, {"Location": location})]
    if expected:
        script += [Exchange("GET", expected), Exchange("PUT", expected)]
    with ScriptedTransport(script) as transport:
        client = _client(transport, options=options, scheme="https")
        for request in (Request("GET", _URL), put):
            if expected:
                client.ask(request, _ACCESS, 200)
                continue
            with pytest.raises(ProtocolViolation, match=rf"^{request.method} http://.*: expected an https address"):
                client.ask(request, _ACCESS, 200)


def test_https_stays_https_without_credentials() -> None:
    challenge = {"WWW-Authenticate": "Bearer realm=http://auth.example/token"}
    with (
        ScriptedTransport([Exchange("GET", _URL, 401, challenge)]) as script,
        pytest.raises(ProtocolViolation, match="expected an https address"),
    ):
        _ask(_client(script))


def test_redirects_end() -> None:
    exchanges = [Exchange("GET", _URL, 302, {"Location": _URL})] * 11
    with (
        ScriptedTransport(exchanges) as script,
        pytest.raises(ProtocolViolation, match="more than 10 redirects"),
    ):
        _ask(_client(script))


def test_a_refused_connection() -> None:
    with RegistryClient("127.0.0.1:1") as client, pytest.raises(NetworkError) as raised:
        client.ping()
    assert str(raised.value) == "GET http://127.0.0.1:1/v2/: the connection was refused."


def test_schemes() -> None:
    with pytest.raises(InvalidInput, match='got "ftp"'):
        RegistryClient(_REGISTRY, credentials=anonymous, scheme="ftp")

"""Authentication as a generator: on a 401, get a token if the registry requires one, and send the request again.

    flow = authenticator.flow(request, access)      # a generator
    next(flow) → the request to send; flow.send(answer) → the next one, or the end

This module sends nothing itself. A 401 before every request would double their number, so the authenticator remembers
the registry's challenge and reuses each token until it expires. Threads wait for one another for the first response of
a registry and for each token. Source: Docker's "Token Authentication Specification" and "OAuth2 token authentication".
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional
from urllib.parse import urlencode

from ocikit.errors import InvalidContent, InvalidInput, ProtocolViolation, Unreachable
from ocikit.registry.challenge import Challenge, choose, covers, merge_scopes, parse_challenges
from ocikit.registry.error_response import failure, violation
from ocikit.registry.http import Request, Response, is_loopback, named_url, origin, printable
from ocikit.registry.scrubber import Scrubber
from ocikit.registry.secret import Credentials, CredentialSource, Lookup, Secret
from ocikit.registry.traffic import Traffic
from ocikit.spec import canonical_json

Flow = Generator[Request, Response, None]
# Returns the value of the Authorization header.
_Attempt = Generator[Request, Response, Optional[Secret]]

_DEFAULT_SECONDS = 60
# All of these name the same host; another address of 127.0.0.0/8 may belong to another server.
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST_SECONDS = 24 * 60 * 60
# Tokens are dropped a little early: a token must still be valid when the registry reads it.
_MARGIN = 0.9
# Largest response of a token server, in bytes. A token is sent in a header, which registries limit to 8 KiB to 64 KiB.
_LARGEST_ANSWER = 64 * 1024
# Fields of a token server's response that hold secrets, used or not.
_SECRETS = ("token", "access_token", "refresh_token", "id_token")


@dataclass(frozen=True)
class Access:
    """What a request needs: the repository's path (may be empty) and the scopes of a token.

    `traffic`: counts its cost.
    """

    path: str = ""
    scopes: tuple[str, ...] = ()
    traffic: Traffic = field(default_factory=Traffic, compare=False, repr=False)


@dataclass(frozen=True)
class _Token:
    header: Secret
    expires: float


# Realm, service and scopes.
_Key = tuple[str, str, tuple[str, ...]]


class Authenticator:
    """Authentication state for one registry: challenge, credentials and tokens.

    `registry` is the name to look up credentials by, `base` the address that may receive secrets. `insecure`: that host
    may receive secrets in plain text. `clock` counts seconds. `scrubber` learns every secret and is attached to every
    request.
    """

    def __init__(
        self,
        registry: str,
        base: str,
        find: CredentialSource,
        *,
        insecure: bool = False,
        clock: Callable[[], float] = time.monotonic,
        scrubber: Scrubber | None = None,
    ) -> None:
        self._scrubber = scrubber or Scrubber()
        self._registry = registry
        self._base = base
        self._find = find
        self._insecure = insecure
        self._clock = clock
        self._challenge: Challenge | None = None
        self._tokens: dict[_Key, _Token] = {}
        self._lookups: dict[str, Lookup] = {}
        # A mirror names scopes of the repository that it mirrors, under another name.
        self._challenged: dict[Access, str] = {}
        self._answered = False
        self._first = threading.Lock()
        self._lock = threading.Lock()
        self._key_locks: dict[_Key, threading.Lock] = {}

    def flow(self, request: Request, access: Access) -> Flow:
        """Yield the requests to send, and receive their responses; the last one is the response to `request`.

        Raises Unauthorized and others if the token server refuses. The caller handles a final 401 of the registry.
        """
        if not self._is_own(request):
            yield request.authorized(None, self._scrubber)
            return
        with self._first_alone(request):
            header = None
            if self._challenge:
                header = yield from self._authorize(self._challenge, access)
            answer = yield request.authorized(header, self._scrubber)
            if answer.status != 401 or not self._is_own(answer.request):
                return
            challenge = choose(parse_challenges(answer.headers.get("www-authenticate", "")))
            if challenge is None:
                return
            self._challenged[access] = challenge.parameters.get("scope", "")
            self._forget(header)
            again = yield from self._authorize(challenge, access)
            if again is None or again == header:
                return
            self._challenge = challenge
            yield request.authorized(again, self._scrubber)

    @contextlib.contextmanager
    def _first_alone(self, request: Request) -> Iterator[None]:
        """Run the first request alone until its end: what it learns saves all others a 401."""
        if not self._answered and not request.body:
            with self._first:
                # A thread that waited for the first request runs concurrently with the others.
                if not self._answered:
                    try:
                        yield
                    finally:
                        self._answered = True
                    return
        yield

    def advice(self, path: str) -> str | None:
        """What the user can do about a refusal; None if no credentials were looked up."""
        lookup = self._lookups.get(path)
        if lookup is None:
            return None
        if lookup.credentials:
            return (
                f'The credentials for "{self._registry}" are from {lookup.places}; if they are '
                f"wrong or too old, run `docker login {self._registry}`."
            )
        where = f" in {lookup.places}" if lookup.places else ""
        return f'No credentials for "{self._registry}"{where}; run `docker login {self._registry}`.'

    def _authorize(self, challenge: Challenge, access: Access) -> _Attempt:
        if challenge.scheme == "basic":
            return self._basic(self._credentials(access.path))
        return (yield from self._bearer(challenge, access))

    def _basic(self, credentials: Credentials | None) -> Secret | None:
        if credentials is None or not credentials.password:
            return None
        return credentials.basic()

    def _bearer(self, challenge: Challenge, access: Access) -> _Attempt:
        key = self._key(challenge, access)
        with self._lock:
            key_lock = self._key_locks.setdefault(key, threading.Lock())
        with key_lock:
            token = self._find_token(key)
            if token is None:
                answer = yield self._token_request(key, self._credentials(access.path))
                token = self._read_token(answer, access)
                with self._lock:
                    self._tokens[key] = token
        return token.header

    def _find_token(self, key: _Key) -> _Token | None:
        """A token that is still valid, for these scopes or for more."""
        with self._lock:
            now = self._clock()
            found = self._tokens.get(key)
            if found is None or found.expires <= now:
                self._tokens = {key: token for key, token in self._tokens.items() if token.expires > now}
                more = (token for other, token in self._tokens.items() if _serves(other, key))
                found = next(more, None)
                if found:
                    self._tokens[key] = found
            return found

    def _forget(self, header: Secret | None) -> None:
        """Drop the token that was refused, but keep a newer one."""
        with self._lock:
            self._tokens = {key: token for key, token in self._tokens.items() if token.header != header}

    def _key(self, challenge: Challenge, access: Access) -> _Key:
        """Realm, service, and the union of our scopes and those that the registry named."""
        parameters = challenge.parameters
        scopes = merge_scopes((*access.scopes, self._challenged.get(access, "")))
        return self._realm(parameters.get("realm", "")), parameters.get("service", ""), scopes

    def _realm(self, text: str) -> str:
        try:
            return named_url(self._base, text)
        except ProtocolViolation as error:
            raise ProtocolViolation(
                f'"{self._registry}" asks for a token, but the address of its token server cannot be used: {error}.'
            ) from None

    def _token_request(self, key: _Key, credentials: Credentials | None) -> Request:
        realm, service, scopes = key
        if credentials:
            self._check_plain_text(realm)
        asked = {"service": service} if service else {}
        if credentials and credentials.identity_token:
            request = _refresh_request(realm, asked, scopes, credentials.identity_token)
            return request.authorized(None, self._scrubber)
        query = urlencode([*asked.items(), *(("scope", scope) for scope in scopes)])
        joint = "&" if "?" in realm else "?"
        request = Request("GET", f"{realm}{joint}{query}" if query else realm, no_redirects=True)
        return request.authorized(credentials.basic() if credentials else None, self._scrubber)

    def _read_token(self, answer: Response, access: Access) -> _Token:
        if 300 <= answer.status < 400:
            raise violation(answer, "200 with a token, because redirects of a token server are not followed")
        if answer.status != 200:
            advice = self.advice(access.path) if answer.status in (400, 401, 403) else None
            raise failure(answer, "200 with a token", advice)
        if len(answer.body) > _LARGEST_ANSWER:
            raise violation(answer, f"a token in at most {_LARGEST_ANSWER} bytes of JSON")
        try:
            document = canonical_json.loads_object(answer.body, "the token")
        except InvalidContent:
            document = {}
        self._scrubber.learn_passing(*(Secret(text) for text in map(document.get, _SECRETS) if isinstance(text, str)))
        text = document.get("token") or document.get("access_token")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise violation(answer, 'JSON with a "token"')
        return _Token(Secret(f"Bearer {text}"), self._clock() + _MARGIN * _seconds(document))

    def _credentials(self, path: str) -> Credentials | None:
        if path not in self._lookups:
            found = self._find(self._registry, path)
            self._scrubber.learn(*(found.credentials.secrets() if found.credentials else ()))
            self._lookups[path] = found
        credentials = self._lookups[path].credentials
        if credentials:
            self._check_plain_text(self._base)
        return credentials

    def _check_plain_text(self, url: str) -> None:
        if self._may_have_secrets(url):
            return
        raise InvalidInput(
            f'"{self._registry}" requires credentials at {printable(url)}, where anyone on the network '
            "could read them. Credentials are sent to https addresses, and without TLS only to the own host of "
            "a registry that is on this machine or marked as insecure."
        )

    def _may_have_secrets(self, url: str) -> bool:
        """Whether `url` may get secrets: over TLS, or on the registry's own host if it is loopback or `insecure`."""
        scheme, host, _ = origin(url)
        own = origin(self._base)[1]
        if scheme == "https":
            return True
        same = host == own or {host, own} <= _THIS_MACHINE
        return same and (self._insecure or is_loopback(host))

    def _is_own(self, request: Request) -> bool:
        """Whether a request goes to the registry itself; no other server may get its tokens. Raises Unreachable."""
        try:
            return origin(request.url) == origin(self._base)
        except ProtocolViolation:
            raise Unreachable(f"{request}: this is not a valid address.") from None


def _serves(other: _Key, key: _Key) -> bool:
    return other[:2] == key[:2] and covers(other[2], key[2])


def _refresh_request(realm: str, asked: Mapping[str, str], scopes: tuple[str, ...], token: Secret) -> Request:
    """Source: Docker's "OAuth2 token authentication", "Refreshing a token"."""
    form = {
        "grant_type": "refresh_token",
        **asked,
        "client_id": "ocikit",
        "scope": " ".join(scopes),
        "refresh_token": token.reveal(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(form).encode()
    return Request("POST", realm, headers, body, same_origin_only=True, no_redirects=True)


def _seconds(document: Mapping[str, Any]) -> float:
    value = document.get("expires_in")
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    # An integer may be too large for a float.
    return float(min(value, _MOST_SECONDS)) if valid and value is not None else _DEFAULT_SECONDS

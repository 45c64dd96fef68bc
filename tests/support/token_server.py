"""A token server for a registry, such as `auth.docker.io`: users, passwords, identity tokens, scopes.

Source: Docker's "Token Authentication Specification" and "OAuth2 token authentication".
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.commands import run
from support.serving import serving

ISSUER = "test-issuer"
SERVICE = "test-registry"


@dataclass(frozen=True)
class TokenRequest:
    """A request for a token; `user` is None for an unknown user."""

    method: str
    user: str | None
    scopes: tuple[str, ...]


class TokenServer:
    """A token server with one user, known by `password` and by `identity_token`. Anonymous clients may only pull.

    Tokens are valid for `seconds`. The registry must trust `certificate`.
    """

    def __init__(self, folder: Path, user: str, password: str, identity_token: str = "", seconds: int = 60) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self._key = folder / "token.crt", folder / "token.key"
        new = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test")
        run("openssl", "req", *new, "-keyout", str(self._key), "-out", str(self.certificate))
        self.user, self.password, self.identity_token, self.seconds = user, password, identity_token, seconds
        self._requests: list[TokenRequest] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.realm = f"http://127.0.0.1:{self._server.server_port}/token"

    def registry_environment(self, certificate: str) -> Mapping[str, str]:
        """Variables that make a registry trust these tokens; `certificate` is its path of this server's certificate."""
        return {
            "REGISTRY_AUTH": "token",
            "REGISTRY_AUTH_TOKEN_REALM": self.realm,
            "REGISTRY_AUTH_TOKEN_SERVICE": SERVICE,
            "REGISTRY_AUTH_TOKEN_ISSUER": ISSUER,
            "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": certificate,
        }

    @contextmanager
    def running(self) -> Iterator[TokenServer]:
        with serving(self._server):
            yield self

    def take(self) -> tuple[TokenRequest, ...]:
        """Return the requests since the last call."""
        with self._lock:
            taken, self._requests = tuple(self._requests), []
            return taken

    def record(self, request: TokenRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def token(self, user: str | None, scopes: tuple[str, ...]) -> str:
        """A token for those of `scopes` that the user may have."""
        lines = self.certificate.read_text().splitlines()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(line for line in lines if "-----" not in line)]}
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user or "",
            "aud": SERVICE,
            "exp": now + self.seconds,
            "nbf": now - 10,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": [_access(scope, known=user is not None) for scope in scopes],
        }
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        sign = ("openssl", "dgst", "-sha256", "-sign", str(self._key))
        signature = subprocess.run(sign, input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
        return f"{signed}.{_base64(signature)}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tokens: TokenServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = tokens


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer a request with optional Basic authentication."""
        query = parse_qs(urlsplit(self.path).query)
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if not scheme:
            self._answer(None, query)
            return
        user, _, password = base64.b64decode(value).decode().partition(":")
        tokens = self.server.tokens
        if scheme == "Basic" and (user, password) == (tokens.user, tokens.password):
            self._answer(user, query)
        else:
            self._refuse()

    def do_POST(self) -> None:
        """Answer a form with a password or an identity token."""
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        tokens = self.server.tokens
        said = tuple(form.get(name, [""])[0] for name in ("grant_type", "username", "password", "refresh_token"))
        if said == ("password", tokens.user, tokens.password, "") or (
            (said[0], said[3]) == ("refresh_token", tokens.identity_token) and said[3]
        ):
            self._answer(tokens.user, form)
        else:
            self._refuse()

    def _answer(self, user: str | None, asked: Mapping[str, list[str]]) -> None:
        scopes = tuple(scope for value in asked.get("scope", []) for scope in value.split())
        self.server.tokens.record(TokenRequest(self.command, user, scopes))
        token = self.server.tokens.token(user, scopes)
        self._send(200, {"token": token, "access_token": token, "expires_in": self.server.tokens.seconds})

    def _refuse(self) -> None:
        self._send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, template: str, *arguments: Any) -> None:
        """Log nothing: tests read the record."""


def _access(scope: str, *, known: bool) -> Mapping[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": [a for a in actions.split(",") if known or a == "pull"]}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""Authentication of a fake registry: none, a password, or a token from its own token server."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from ocikit.testing.fake_contents import Refused


class FakeAuth:
    """`kind` is "none", "basic" or "token"; `anonymous_pull`: anyone gets a token to pull."""

    def __init__(self, kind: str, username: str, password: str, anonymous_pull: bool) -> None:
        self.kind = kind
        self.basic = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self.identity_token = ""
        self.token_seconds: int | None = 300
        self._anonymous_pull = anonymous_pull
        self._tokens: dict[str, frozenset[str]] = {}
        self._numbers = itertools.count()

    def revoke_tokens(self) -> None:
        """Revoke all tokens given so far."""
        self._tokens.clear()

    def check(self, authorization: str, scopes: Sequence[str], realm: str) -> None:
        """Raise Refused (401) unless the header allows every `type:name:action` of `scopes`."""
        if self.kind == "none" or (self.kind == "basic" and authorization == self.basic):
            return
        granted = self._tokens.get(authorization.partition(" ")[2])
        if self.kind == "token" and granted is not None and granted.issuperset(scopes):
            return
        challenge = 'Basic realm="fake, with a comma"'
        if self.kind == "token":
            scope = " ".join(scopes)
            challenge = f'Bearer realm="{realm}",service="fake",scope="{scope}"'
        headers = {"WWW-Authenticate": challenge}
        raise Refused(401, "UNAUTHORIZED", "authentication required", headers)

    def may(self, authorization: str, scope: str) -> bool:
        try:
            self.check(authorization, [scope], "")
        except Refused:
            return False
        return True

    def token(self, query: str, authorization: str, form: bytes | None) -> bytes:
        """The response of the token server to GET (`form` is None) or POST. Raises Refused."""
        fields = parse_qs(query if form is None else form.decode())
        if form is not None:
            known = fields.get("refresh_token") == [self.identity_token]
        else:
            known = authorization == self.basic
        if not known and (authorization or form is not None):
            raise Refused(401, "UNAUTHORIZED", "incorrect username or password")
        granted = _actions(fields)
        if not known:
            granted = {s for s in granted if self._anonymous_pull and s.endswith(":pull")}
        text = f"token-{next(self._numbers)}-{'x' * 20}"
        self._tokens[text] = frozenset(granted)
        document = {"token" if form is None else "access_token": text}
        lifetime = {} if self.token_seconds is None else {"expires_in": self.token_seconds}
        return json.dumps({**document, **lifetime}).encode()


def _actions(fields: Mapping[str, Sequence[str]]) -> set[str]:
    """`repository:a:pull,push` → `repository:a:pull`, `repository:a:push`."""
    scopes = " ".join(fields.get("scope", [])).split()
    split = (scope.rpartition(":") for scope in scopes)
    return {f"{name}:{action}" for name, _, actions in split for action in actions.split(",")}

"""A transport with a script: it expects exact requests in their order; any other request fails the test."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType

from ocikit.registry.http import RawResponse, Request

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Exchange:
    """An expected request, and its response.

    `authorization`: the header's whole value; None means that the header must be missing.
    `sent`: the request's body, None where it does not matter.
    """

    method: str
    url: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes = b""
    authorization: str | None = None
    sent: bytes | None = None


class ScriptedTransport:
    """A `Transport` for `with`: leaving the block fails if a request of the script is missing."""

    def __init__(self, script: Sequence[Exchange]) -> None:
        self._script: list[Exchange] = list(script)
        self.requests: list[Request] = []

    def send(self, request: Request) -> RawResponse:
        self.requests.append(request)
        assert self._script, f"expected no more requests, got {request.method} {request.url}"
        expected = self._script.pop(0)
        found = (request.method, request.url)
        assert found == (expected.method, expected.url), f"expected {expected}, got {found}"
        shown = request.authorization.reveal() if request.authorization else None
        assert shown == expected.authorization, f"Authorization for {request}: {shown}"
        if expected.sent is not None:
            body = request.body
            sent = body if isinstance(body, bytes) else b"".join(body)
            assert sent == expected.sent, f"the body of {request}: {sent!r}"
        headers = {name.lower(): value for name, value in expected.headers.items()}
        return RawResponse(expected.status, headers, io.BytesIO(expected.body))

    def __enter__(self) -> ScriptedTransport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            assert not self._script, f"expected more requests: {self._script}"

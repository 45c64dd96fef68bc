"""A registry as a whole: authentication, redirects, and errors that say what to do."""

from __future__ import annotations

import time
from types import TracebackType
from typing import BinaryIO, Callable

from ocikit.errors import InvalidInput, OcikitError, ProtocolViolation
from ocikit.registry import protocol
from ocikit.registry.auth import Access, Authenticator
from ocikit.registry.exchange import Answer, Request, redirected
from ocikit.registry.failure import failure, is_html, violation
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.registry.secret import CredentialSource, anonymous
from ocikit.registry.transport import HttpTransport, Transport

MAX_REDIRECTS = 10


class RegistryClient:
    """Talks to one registry; keeps its connections and tokens, may be shared by threads.

    `registry` is host[:port], "docker.io" for Docker Hub. Plain HTTP is spoken to this machine and
    where `options` say so; `scheme` ("http", "https") overrides. `credentials` says who we are,
    `DockerCredentials(os.environ)` for instance; anonymous without it. `clock` counts seconds.
    """

    def __init__(
        self,
        registry: str,
        *,
        credentials: CredentialSource = anonymous,
        options: RegistryOptions = DEFAULT_OPTIONS,
        scheme: str | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if scheme not in (None, "http", "https"):
            raise InvalidInput(f'the scheme of a registry is "http" or "https", found "{scheme}".')
        self.registry = registry
        self.base = protocol.address(registry, scheme, options.insecure) + options.path_prefix
        # Bytes per piece of a blob, once the registry has refused blobs in one piece.
        self.piece_size: int | None = None
        self._own_transport: HttpTransport | None = None
        if transport is None:
            transport = self._own_transport = HttpTransport(options=options, home=self.base)
        self._transport = transport
        self._authenticator = Authenticator(registry, self.base, credentials, insecure=options.insecure, clock=clock)

    def ping(self) -> None:
        """Make sure that this is a registry and lets us in. Raises what `ask` raises."""
        answer = self.ask(protocol.ping(self.base), Access(), 200)
        if is_html(answer):
            raise violation(answer, "a registry")

    def ask(self, request: Request, access: Access, *wanted: int) -> Answer:
        """Send, and return the answer if its status is `wanted`.

        Raises NetworkError, NotFound, RegistryError, ProtocolViolation.
        """
        answer, body = self._converse(request, access)
        body.close()
        return self._checked(answer, access, wanted)

    def open(self, request: Request, access: Access) -> BinaryIO:
        """Send a `streamed` request, and return its content to read and close. Raises as `ask`."""
        answer, body = self._converse(request, access)
        try:
            self._checked(answer, access, (200,))
        except BaseException:
            body.close()
            raise
        return body

    def failure(self, answer: Answer, access: Access, *wanted: int) -> OcikitError:
        """The exception to raise for an answer whose status is not `wanted`, with advice."""
        advice = self._authenticator.advice(access.path) if answer.status in (401, 403) else None
        return failure(answer, " or ".join(map(str, wanted)), advice)

    def close(self) -> None:
        """Close the connections, unless they are those of a transport that was given."""
        if self._own_transport:
            self._own_transport.close()

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(self, answer: Answer, access: Access, wanted: tuple[int, ...]) -> Answer:
        if answer.status not in wanted:
            raise self.failure(answer, access, *wanted)
        return answer

    def _converse(self, request: Request, access: Access) -> tuple[Answer, BinaryIO]:
        flow = self._authenticator.flow(request, access)
        step = next(flow)
        while True:
            answer, body = self._follow(step)
            try:
                step = flow.send(answer)
            except StopIteration:
                return answer, body
            body.close()

    def _follow(self, request: Request) -> tuple[Answer, BinaryIO]:
        first = request
        for _ in range(MAX_REDIRECTS + 1):
            answer, body = self._send(request)
            following = redirected(answer)
            if following is None:
                return answer, body
            body.close()
            request = following
        raise ProtocolViolation(f"{first}: more than {MAX_REDIRECTS} redirects.")

    def _send(self, request: Request) -> tuple[Answer, BinaryIO]:
        response = self._transport.send(request)
        content = b""
        if not (request.streamed and response.status == 200):
            with response.body:
                content = response.body.read(protocol.MAX_MANIFEST_SIZE + 1)
        return Answer(request, response.status, response.headers, content), response.body

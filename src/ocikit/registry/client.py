"""Client of one registry: authentication, redirects, retries, and errors with advice."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Callable

from ocikit.errors import InvalidInput, NetworkError, OcikitError, ProtocolViolation
from ocikit.registry import protocol
from ocikit.registry.auth import Access, Authenticator
from ocikit.registry.error_response import advice_on, failure, is_html, read_warnings, violation
from ocikit.registry.http import Request, Response, location_of, origin, redirected, with_prefix
from ocikit.registry.limiter import Limiter
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions, split_mirror
from ocikit.registry.proxy import proxy_secrets
from ocikit.registry.retry_policy import Outcome, RetryBudget
from ocikit.registry.retrying import Retrying
from ocikit.registry.scrubber import LONGEST, Scrubber
from ocikit.registry.secret import CredentialSource, anonymous
from ocikit.registry.transport import HttpTransport, Transport

MAX_REDIRECTS = 10
# Limit on the distinct Warning headers kept: a registry may send a new one with each response.
_MOST_WARNINGS = 100


class RegistryClient:
    """Client of one registry. It keeps connections and tokens; threads may share it.

    `registry` is host[:port], "docker.io" for Docker Hub. The client uses plain HTTP for loopback hosts and where
    `options` allow it; `scheme` ("http", "https") overrides this. `credentials` is a source such as
    `DockerCredentials(os.environ)`; the default is anonymous. All clients of a run share `budget` and `limiter`.
    `clock` counts seconds, `now` is the time since 1970. The client calls `on_pause` with a host and the number of
    seconds for which it sends that host nothing.

    Text that the client returns for display, raises or warns with contains no secret that `scrubber` knows, whatever
    the registry responds. The scrubber learns secrets from this client and from others that share it.
    """

    def __init__(
        self,
        registry: str,
        *,
        credentials: CredentialSource = anonymous,
        options: RegistryOptions = DEFAULT_OPTIONS,
        scheme: str | None = None,
        transport: Transport | None = None,
        budget: RetryBudget | None = None,
        limiter: Limiter | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        on_pause: Callable[[str, float], None] = lambda host, seconds: None,
        scrubber: Scrubber | None = None,
    ) -> None:
        if scheme not in (None, "http", "https"):
            raise InvalidInput(f'expected the scheme "http" or "https", got "{scheme}".')
        self.registry = registry
        self.base = protocol.address(registry, scheme or options.scheme, options.insecure) + options.path_prefix
        # Bytes per chunk, once the registry has rejected a monolithic upload.
        self.chunk_size: int | None = None
        # Whether one PUT sets several tags; None until a thread that holds the lock has found out.
        self.takes_tags: bool | None = None
        self.tags_lock = threading.Lock()
        # False once this mirror could not be reached.
        self.reachable = True
        self._options = options
        self._https_only = self.base.startswith("https:") and not options.insecure
        self._own_transport: HttpTransport | None = None
        if transport is None:
            transport = self._own_transport = HttpTransport(options=options, home=self.base)
        # Knows every secret that was sent or received.
        self.scrubber = scrubber or Scrubber(proxy_secrets)
        self._authenticator = Authenticator(
            registry, self.base, credentials, insecure=options.insecure, clock=clock, scrubber=self.scrubber
        )
        budget = budget or RetryBudget(clock=clock)
        limiter = limiter or Limiter(clock=clock, sleep=sleep)
        self._retrying = Retrying(
            transport,
            budget,
            limiter,
            clock=clock,
            now=now,
            sleep=sleep,
            jitter=jitter,
            # The registry may have chosen the host name.
            on_pause=lambda host, seconds: on_pause(self.scrubber.scrubbed(host), seconds),
        )
        self._warnings: dict[str, None] = {}
        # Clients of the mirrors, which reads try first. They have no mirrors of their own and do not retry.
        self.mirrors = tuple(
            RegistryClient(
                host,
                credentials=credentials,
                options=options.for_mirror(prefix),
                budget=budget.without_retries(),
                limiter=limiter,
                clock=clock,
                now=now,
                sleep=sleep,
                jitter=jitter,
                on_pause=on_pause,
                scrubber=self.scrubber,
            )
            for host, prefix in map(split_mirror, options.mirrors)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """The registry's warnings for the user, each once."""
        # Scrubbed only now: more secrets may be known than when a warning arrived.
        return tuple(dict.fromkeys(text for header in self._warnings for text in read_warnings(header, self.scrubber)))

    def ping(self) -> None:
        """Check that this is a registry and that it grants access. Raises what `ask` raises."""
        answer = self.ask(protocol.ping(self.base), Access(), 200)
        if is_html(answer):
            raise violation(answer, "a registry")

    def ask(self, request: Request, access: Access, *expected: int) -> Response:
        """Send a request and return the response if its status is one of `expected`.

        Raises NetworkError, NotFound, RegistryError, ProtocolViolation.
        """
        with self.scrubber.errors():
            answer, body = self._converse(request, access)
            body.close()
            return self._checked(answer, access, expected)

    def open(self, request: Request, access: Access) -> BinaryIO:
        """Send a `streamed` request and return its content for the caller to read and close. Raises as `ask`."""
        with self.scrubber.errors():
            answer, body = self._converse(request, access)
            try:
                if is_html(self._checked(answer, access, (200,))):
                    raise violation(answer, "a blob")
            except BaseException:
                body.close()
                raise
            return body

    def failure(self, answer: Response, access: Access, *expected: int) -> OcikitError:
        """The exception, with advice, for a response whose status is not one of `expected`."""
        advice = self._authenticator.advice(access.path) if answer.status in (401, 403) else advice_on(answer)
        # Error statuses that the caller handles are not worth naming as expected.
        successes = [str(status) for status in expected if status < 300]
        return failure(answer, " or ".join(successes or map(str, expected)), advice)

    def wait(self, attempt: int, request: Request, outcome: Outcome, access: Access) -> None:
        """Wait before a `no_retry` request is retried after `attempt`; raise its outcome if it must not be retried."""
        if not self._retrying.wait(attempt, request, outcome):
            raise outcome if isinstance(outcome, NetworkError) else self.failure(outcome, access, 201)

    def close(self) -> None:
        """Close the connections, except those of a transport that was passed in."""
        if self._own_transport:
            self._own_transport.close()
        for mirror in self.mirrors:
            mirror.close()

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(self, answer: Response, access: Access, expected: tuple[int, ...]) -> Response:
        if answer.status not in expected:
            raise self.failure(answer, access, *expected)
        return answer

    def _converse(self, request: Request, access: Access) -> tuple[Response, BinaryIO]:
        with closing(self._authenticator.flow(request, access)) as flow:
            step = next(flow)
            while True:
                answer, body = self._follow(step, access)
                try:
                    step = flow.send(answer)
                except StopIteration:
                    return answer, body
                body.close()

    def _follow(self, request: Request, access: Access) -> tuple[Response, BinaryIO]:
        first = request
        for _ in range(MAX_REDIRECTS + 1):
            if self._https_only and origin(request.url)[0] != "https":
                raise ProtocolViolation(
                    f'{request}: expected an https address, because "{self.registry}" is reached by https, got plain '
                    "http. An http address is only followed for a registry that is marked as insecure."
                )
            answer, body = self._retrying.send(request, access.traffic)
            answer = self._noted(answer)
            following = redirected(answer)
            if following is None:
                return answer, body
            body.close()
            request = following
        raise ProtocolViolation(f"{first}: more than {MAX_REDIRECTS} redirects.")

    def _noted(self, answer: Response) -> Response:
        """Record the warnings of a response, and add our path prefix to its `Location`."""
        if "warning" in answer.headers and len(self._warnings) < _MOST_WARNINGS:
            self._warnings[answer.headers["warning"][: 2 * LONGEST]] = None
        location = answer.headers.get("location")
        if not location or not self._options.path_prefix:
            return answer
        with suppress(ProtocolViolation):
            # The code that uses the header reports the error.
            found = with_prefix(self.base, location_of(answer, location))
            return replace(answer, headers={**answer.headers, "location": found})
        return answer

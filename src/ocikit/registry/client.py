"""A registry as a whole: authentication, redirects, patience, and errors that say what to do."""

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
from ocikit.registry.exchange import Answer, Request, location_of, origin, redirected, with_prefix
from ocikit.registry.failure import advice_on, failure, is_html, read_warnings, violation
from ocikit.registry.limiter import Limiter
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions, split_mirror
from ocikit.registry.patience import Patience
from ocikit.registry.proxy import proxy_secrets
from ocikit.registry.retry import Outcome, RetryBudget
from ocikit.registry.scrubber import LONGEST, Scrubber
from ocikit.registry.secret import CredentialSource, anonymous
from ocikit.registry.transport import HttpTransport, Transport

MAX_REDIRECTS = 10
# Of different headers that hold warnings; a registry may send another one with each answer.
_MOST_WARNINGS = 100


class RegistryClient:
    """Talks to one registry; keeps its connections and tokens, may be shared by threads.

    `registry` is host[:port], "docker.io" for Docker Hub. Plain HTTP is spoken to this machine and
    where `options` say so; `scheme` ("http", "https") overrides. `credentials` says who we are,
    `DockerCredentials(os.environ)` for instance; anonymous without it. `budget` and `limiter` are for all
    clients of a run. `clock` counts seconds, `now` is the time since 1970. `on_pause` is told which
    host is not spoken to, and for how many seconds.

    Nothing that it returns to be shown, raises or warns of has a secret in it that `scrubber` knows, whatever the
    registry answered. It learns them from this client, and from others that share it.
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
            raise InvalidInput(f'the scheme of a registry is "http" or "https", found "{scheme}".')
        self.registry = registry
        self.base = protocol.address(registry, scheme or options.scheme, options.insecure) + options.path_prefix
        # Bytes per piece of a blob, once the registry has refused blobs in one piece.
        self.piece_size: int | None = None
        # Whether one PUT sets several tags, once it is known; whoever finds out has the lock.
        self.takes_tags: bool | None = None
        self.tags_lock = threading.Lock()
        # Whether a mirror still answers.
        self.reachable = True
        self._options = options
        self._https_only = self.base.startswith("https:") and not options.insecure
        self._own_transport: HttpTransport | None = None
        if transport is None:
            transport = self._own_transport = HttpTransport(options=options, home=self.base)
        # Knows what was sent as a secret, or received as one.
        self.scrubber = scrubber or Scrubber(proxy_secrets)
        self._authenticator = Authenticator(
            registry, self.base, credentials, insecure=options.insecure, clock=clock, scrubber=self.scrubber
        )
        budget = budget or RetryBudget(clock=clock)
        limiter = limiter or Limiter(clock=clock, sleep=sleep)
        self._patience = Patience(
            transport,
            budget,
            limiter,
            clock=clock,
            now=now,
            sleep=sleep,
            jitter=jitter,
            # The name of the host may be of a registry's making.
            on_pause=lambda host, seconds: on_pause(self.scrubber.scrubbed(host), seconds),
        )
        self._warnings: dict[str, None] = {}
        # Clients of the registries to ask first for reading: without mirrors, and without a second try.
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
        """What the registry wanted people to know, each text once."""
        # Now all secrets are known, of which there may have been fewer when a warning came.
        return tuple(dict.fromkeys(text for header in self._warnings for text in read_warnings(header, self.scrubber)))

    def ping(self) -> None:
        """Make sure that this is a registry and lets us in. Raises what `ask` raises."""
        answer = self.ask(protocol.ping(self.base), Access(), 200)
        if is_html(answer):
            raise violation(answer, "a registry")

    def ask(self, request: Request, access: Access, *wanted: int) -> Answer:
        """Send, and return the answer if its status is `wanted`.

        Raises NetworkError, NotFound, RegistryError, ProtocolViolation.
        """
        with self.scrubber.errors():
            answer, body = self._converse(request, access)
            body.close()
            return self._checked(answer, access, wanted)

    def open(self, request: Request, access: Access) -> BinaryIO:
        """Send a `streamed` request, and return its content to read and close. Raises as `ask`."""
        with self.scrubber.errors():
            answer, body = self._converse(request, access)
            try:
                if is_html(self._checked(answer, access, (200,))):
                    raise violation(answer, "a blob")
            except BaseException:
                body.close()
                raise
            return body

    def failure(self, answer: Answer, access: Access, *wanted: int) -> OcikitError:
        """The exception to raise for an answer whose status is not `wanted`, with advice."""
        advice = self._authenticator.advice(access.path) if answer.status in (401, 403) else advice_on(answer)
        # What else the caller can deal with is no answer to wish for.
        successes = [str(status) for status in wanted if status < 300]
        return failure(answer, " or ".join(successes or map(str, wanted)), advice)

    def wait(self, attempt: int, request: Request, outcome: Outcome, access: Access) -> None:
        """Before a `once` request is tried again after `attempt`: wait, or raise what happened to it."""
        if not self._patience.wait(attempt, request, outcome):
            raise outcome if isinstance(outcome, NetworkError) else self.failure(outcome, access, 201)

    def close(self) -> None:
        """Close the connections, unless they are those of a transport that was given."""
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

    def _checked(self, answer: Answer, access: Access, wanted: tuple[int, ...]) -> Answer:
        if answer.status not in wanted:
            raise self.failure(answer, access, *wanted)
        return answer

    def _converse(self, request: Request, access: Access) -> tuple[Answer, BinaryIO]:
        with closing(self._authenticator.flow(request, access)) as flow:
            step = next(flow)
            while True:
                answer, body = self._follow(step, access)
                try:
                    step = flow.send(answer)
                except StopIteration:
                    return answer, body
                body.close()

    def _follow(self, request: Request, access: Access) -> tuple[Answer, BinaryIO]:
        first = request
        for _ in range(MAX_REDIRECTS + 1):
            if self._https_only and origin(request.url)[0] != "https":
                raise ProtocolViolation(
                    f'{request}: expected an https address, because "{self.registry}" is reached by https, got plain '
                    "http. It is only followed for a registry that is marked as insecure."
                )
            answer, body = self._patience.send(request, access.traffic)
            answer = self._noted(answer)
            following = redirected(answer)
            if following is None:
                return answer, body
            body.close()
            request = following
        raise ProtocolViolation(f"{first}: more than {MAX_REDIRECTS} redirects.")

    def _noted(self, answer: Answer) -> Answer:
        """The answer, its `Location` with our path prefix, and its warnings remembered."""
        if "warning" in answer.headers and len(self._warnings) < _MOST_WARNINGS:
            self._warnings[answer.headers["warning"][: 2 * LONGEST]] = None
        location = answer.headers.get("location")
        if not location or not self._options.path_prefix:
            return answer
        with suppress(ProtocolViolation):
            # Who needs it says what is wrong with it.
            found = with_prefix(self.base, location_of(answer, location))
            return replace(answer, headers={**answer.headers, "location": found})
        return answer

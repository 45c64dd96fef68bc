"""One request and its final response: turns, pauses and retries."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from functools import partial
from itertools import count
from typing import BinaryIO, Callable, cast

from ocikit.errors import GivenUp, NetworkError
from ocikit.registry.body_streams import HeldBody, SentBody
from ocikit.registry.http import RawResponse, Request, Response, host_part
from ocikit.registry.limiter import Limiter, Permit
from ocikit.registry.protocol import MAX_MANIFEST_SIZE
from ocikit.registry.retry_policy import Outcome, RetryBudget, delay, retry_after
from ocikit.registry.traffic import Traffic
from ocikit.registry.transport import Transport
from ocikit.registry.wait_budget import QUICK_SECONDS, lateness


class Retrying:
    """Sends requests as `limiter` allows, and retries as `budget` allows; threads may share it.

    `clock` counts seconds, `now` is the time in seconds since 1970, `jitter` returns random numbers from 0 to 1.
    `on_pause` is called with a host and the number of seconds for which it gets no requests.
    """

    def __init__(
        self,
        transport: Transport,
        budget: RetryBudget,
        limiter: Limiter,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        on_pause: Callable[[str, float], None] = lambda host, seconds: None,
    ) -> None:
        self._transport = transport
        self._budget = budget
        self._waits = budget.waits
        self._limiter = limiter
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._on_pause = on_pause
        self._known_hosts: set[str] = set()

    def send(self, request: Request, traffic: Traffic) -> tuple[Response, BinaryIO]:
        """The final response, its body read unless it is `streamed`. Raises NetworkError."""
        for attempt in count(1):
            try:
                answer, body = self._exchange(request, traffic)
            except NetworkError as error:
                if request.no_retry or not self.wait(attempt, request, error):
                    raise
            else:
                if request.no_retry or not self.wait(attempt, request, answer):
                    return answer, body
        raise AssertionError("count has no end")

    def wait(self, attempt: int, request: Request, outcome: Outcome) -> bool:
        """Wait before the retry after `attempt` (1 is the first); False if there must not be one."""
        host, now = host_part(request.url), self._now()
        seconds = delay(attempt, outcome, now=now, jitter=self._jitter(), known=host in self._known_hosts)
        if seconds is None or not self._budget.take(seconds):
            return False
        if isinstance(outcome, Response) and retry_after(outcome, now) is not None:
            self._limiter.pause(host_part(outcome.request.url), seconds)
        self._on_pause(host.partition("://")[2], seconds)
        self._sleep(seconds)
        return True

    def _exchange(self, request: Request, traffic: Traffic) -> tuple[Response, BinaryIO]:
        host = host_part(request.url)
        if host in self._waits.given_up:
            raise self._given_up(request)
        permit = self._limiter.acquire(host)
        sent, started = traffic.counted(request), self._clock()
        body = SentBody(sent.body, partial(self._report, request), self._clock) if sent.body else None
        try:
            response = self._transport.send(replace(sent, body=body) if body else sent)
            if request.streamed and response.status == 200:
                content, answered = b"", self._held(request, response, permit)
            else:
                with response.body as answered:
                    content = answered.read(MAX_MANIFEST_SIZE + 1)
                permit.release(response.status)
        except BaseException as error:
            permit.release()
            if isinstance(error, NetworkError):
                self._waits.waited(host, body.waiting() if body else self._clock() - started)
            raise
        seconds = body.waiting() if body else self._clock() - started
        if seconds > QUICK_SECONDS:
            size = max(len(request.body), request.stores, len(content))
            self._waits.waited(host, lateness(seconds, size))
        self._known_hosts.add(host)
        if response.status < 400:
            self._budget.succeeded()
        return Response(request, response.status, response.headers, content), answered

    def _held(self, request: Request, response: RawResponse, permit: Permit) -> BinaryIO:
        failed = partial(self._waits.waited, host_part(request.url))
        body = HeldBody(response.body, partial(self._report, request), failed, permit.release, self._clock)
        return cast(BinaryIO, body)

    def _report(self, request: Request, size: int, seconds: float) -> None:
        if not self._waits.streamed(host_part(request.url), size, seconds):
            raise self._given_up(request)

    def _given_up(self, request: Request) -> GivenUp:
        host = host_part(request.url).partition("://")[2]
        return GivenUp(
            f"{request}: gave up, because {host} is too slow: this run has waited {self._waits.seconds / 60:g} minutes "
            "in total, which is the limit. Run it again when registries respond faster."
        )

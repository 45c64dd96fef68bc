"""One cell of the matrix: a push with a fault, and another one without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from faults.scenario import (
    OLD,
    PASSWORD,
    REPOSITORIES,
    TAG,
    TRUSTING,
    USER,
    Fault,
    Images,
    Request,
    images_for,
    seed,
)
from ocikit.testing import FakeRegistry


@dataclass(frozen=True)
class Pushed:
    """The result of a push: `finished`, or readable `errors`."""

    finished: bool
    errors: tuple[str, ...] = ()


# Longer than a response takes, even on a busy machine.
STALL_SECONDS = 0.25


class Publisher(Protocol):
    """A function that pushes the images to the registry with the examined tool."""

    def __call__(self, registry: FakeRegistry, images: Images, down: Downtime) -> Pushed: ...


class Downtime:
    """Time that passes only while a client waits; an unavailable registry comes back meanwhile, if it `returns`.

    `read_seconds`: how long a client waits for a response.
    """

    def __init__(self, registry: FakeRegistry, *, returns: bool, read_seconds: float = 10) -> None:
        self.read_seconds = read_seconds
        self._registry = registry
        self._returns = returns
        self._waited = 0.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._waited += seconds
        if self._returns:
            self._registry.resume()

    def clock(self) -> float:
        return time.monotonic() + self._waited


@dataclass(frozen=True)
class Cell:
    """The result of a cell. `met`: the number of requests with the fault. `broken`: broken promises, as texts."""

    met: int
    pushed: Pushed
    broken: tuple[str, ...]
    seconds: float = 0.0


def run_cell(
    request: Request, fault: Fault, publish: Publisher, *, once: bool, repair: bool = True, down_seconds: float = 0
) -> Cell:
    """Run a cell. `repair`: push once more without the fault. `down_seconds`: for a publisher that really waits, how
    long a registry is unavailable that is unavailable once.
    """
    started = time.monotonic()
    images = images_for(request)
    gone = (once and down_seconds) or None
    registry = FakeRegistry("token", username=USER, password=PASSWORD, down_seconds=gone)
    with registry, FakeRegistry(faults=TRUSTING) as elsewhere:
        seed(registry)
        down = Downtime(registry, returns=once, read_seconds=STALL_SECONDS if fault.stalls else 10)
        wrong = fault.faults(request.at or request.pattern, 1 if once else None, elsewhere.url)
        refusals = tuple(replace(item, skip=request.skip) for item in wrong.refusals)
        disturbances = tuple(replace(item, skip=request.skip) for item in wrong.disturbances)
        registry.faults = replace(request.faults, refusals=refusals, disturbances=(*request.first, *disturbances))
        pushed = publish(registry, images, down)
        met = sum(map(registry.counter.fired, refusals)) + sum(map(registry.counter.fired, disturbances))
        broken = [*_broken_promises(registry, images, pushed), *_leaks(elsewhere, pushed)]
        if repair:
            registry.faults = request.faults
            registry.resume()
            again = publish(registry, images, down)
            broken += [f"the next run: {text}" for text in _unfinished(registry, images, again)]
    return Cell(met, pushed, tuple(broken), time.monotonic() - started)


def _broken_promises(registry: FakeRegistry, images: Images, pushed: Pushed) -> Iterator[str]:
    for reference, part in registry.incomplete().items():
        yield f"{reference} is a tag of something that has no {part}"
    for repository in REPOSITORIES:
        found = registry.repositories[repository].tags.get(TAG)
        if found not in (_old(repository), _digest(images, repository)):
            yield f"{repository}:{TAG} names {found}, which is neither old nor new"
    if pushed.finished:
        yield from _unfinished(registry, images, pushed)
    elif not pushed.errors:
        yield "it failed and did not say why"


def _unfinished(registry: FakeRegistry, images: Images, pushed: Pushed) -> Iterator[str]:
    if not pushed.finished:
        yield f"it failed: {pushed.errors}"
    for repository in REPOSITORIES:
        found = registry.repositories[repository].tags.get(TAG)
        if found != _digest(images, repository):
            yield f"{repository}:{TAG} was not moved, and names {found}"
    for reference, part in registry.incomplete().items():
        yield f"{reference} is a tag of something that has no {part}"


def _leaks(elsewhere: FakeRegistry, pushed: Pushed) -> Iterator[str]:
    """Yield each secret that went to another host, or into a message."""
    for request in elsewhere.requests:
        text = f"{request.method} {request.path} {dict(request.headers)} {request.body!r}"
        if "authorization" in request.headers or PASSWORD in text or "token-" in text:
            yield f"another host received a secret: {text}"
    for error in pushed.errors:
        if PASSWORD in error or "token-" in error:
            yield f"a message contains a secret: {error}"


def _digest(images: Images, repository: str) -> str:
    return str(images.manifests[repository].descriptor.digest)


def _old(repository: str) -> str | None:
    return _digest(OLD, repository) if repository == REPOSITORIES[0] else None

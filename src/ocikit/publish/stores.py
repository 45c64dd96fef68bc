"""Open the stores of destinations, with shared clients."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Callable

from ocikit.progress import Meter
from ocikit.publish.outcome import Cost
from ocikit.publish.request import Destination
from ocikit.registry.client import RegistryClient
from ocikit.registry.credentials import DockerCredentials
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.registry.proxy import proxy_secrets
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.retry_policy import RetryBudget
from ocikit.registry.scrubber import Scrubber
from ocikit.registry.traffic import Traffic
from ocikit.spec.image_layout import LAYOUT_SCHEME
from ocikit.spec.reference import parse_repository
from ocikit.store.layout import Layout
from ocikit.store.store import Store

# Concurrent steps; the client of each registry allows fewer.
CONCURRENT_STEPS = 32


class Stores:
    """Opens stores for a run: one client, so one set of connections and tokens, for each registry.

    `oci:PATH` is relative to `root`. `environ` says where to find credentials; `options` are by registry
    (host[:port]). `for_push`: tokens allow pushing from the start. `mirrors`: mirrors are asked first. `meter` counts
    the work. `budget` limits waiting; several `Stores` may share it. May be shared by threads.
    """

    def __init__(
        self,
        root: str,
        environ: Mapping[str, str],
        options: Mapping[str, RegistryOptions],
        *,
        for_push: bool = False,
        mirrors: bool = False,
        make_client: Callable[..., RegistryClient] = RegistryClient,
        budget: RetryBudget | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.meter = meter or Meter()
        self._root = root
        self._options = options
        self._for_push = for_push
        self._mirrors = mirrors
        self._make_client = make_client
        self._credentials = DockerCredentials(environ)
        self._budget = budget or RetryBudget()
        # Shared, because one person may own two registries.
        self._scrubber = Scrubber(proxy_secrets)
        self._clients: dict[str, RegistryClient] = {}
        self._stores: dict[Destination, Store] = {}
        self._traffic: dict[Destination, Traffic] = {}
        self._spans: dict[Destination, tuple[float, float]] = {}
        self._lock = Lock()

    def __call__(self, destination: Destination) -> Store:
        """The store of a destination. Raises InvalidInput."""
        with self._lock:
            if destination not in self._stores:
                self._stores[destination] = self._open(destination)
            return self._stores[destination]

    @contextmanager
    def timed(self, destination: Destination) -> Iterator[Store]:
        """The store of a destination; its cost counts the time from the first call to the end of the last."""
        started = time.monotonic()
        try:
            with self.meter.waiting_for(destination.registry):
                yield self(destination)
        finally:
            first = self._spans.get(destination, (started, 0.0))[0]
            self._spans[destination] = (first, time.monotonic())

    def costs(self, destinations: Iterable[Destination]) -> dict[Destination, Cost]:
        """The costs of destinations so far."""
        return {destination: self._cost(destination) for destination in destinations}

    def warnings(self) -> tuple[str, ...]:
        """The warnings of registries to people."""
        return tuple(f"{name}: {text}" for name, client in self._clients.items() for text in client.warnings)

    def waited(self) -> int:
        """Seconds that all stores of the budget have waited."""
        return round(self._budget.waits.used())

    def _cost(self, destination: Destination) -> Cost:
        traffic = self._traffic.get(destination, Traffic())
        first, last = self._spans.get(destination, (0.0, 0.0))
        return Cost(traffic.requests, traffic.bytes_sent, round(1000 * (last - first)))

    def _open(self, destination: Destination) -> Store:
        address = destination.address
        if address.startswith(LAYOUT_SCHEME):
            return Layout(os.path.join(self._root, address[len(LAYOUT_SCHEME) :]))
        repository = parse_repository(address)
        client = self._clients.get(repository.registry)
        if client is None:
            options = self._options.get(repository.registry, DEFAULT_OPTIONS)
            if not self._mirrors:
                # A mirror may be behind: only the registry itself knows its tags and content.
                options = replace(options, mirrors=())
            client = self._clients[repository.registry] = self._make_client(
                repository.registry,
                credentials=self._credentials,
                options=options,
                budget=self._budget,
                on_pause=self.meter.pauses,
                scrubber=self._scrubber,
            )
        traffic = self._traffic[destination] = Traffic()
        return RegistryRepository(client, repository, for_push=self._for_push, traffic=traffic)

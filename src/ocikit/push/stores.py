"""Destinations become stores; what can be shared between them is made once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock

from ocikit.layout import Layout
from ocikit.push.wanted import Destination
from ocikit.reference import parse_repository
from ocikit.registry.client import RegistryClient
from ocikit.registry.credentials import DockerCredentials
from ocikit.registry.options import RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.store import Store

LAYOUTS_SCHEME = "oci:"


class Stores:
    """Opens stores for a run: one client, so one set of connections and tokens, for each registry.

    `oci:PATH` is relative to `root`. Credentials are looked for as `environ` says. `for_push`: tokens allow
    pushing from the start. May be shared by threads.
    """

    def __init__(self, root: str, environ: Mapping[str, str], *, for_push: bool = False) -> None:
        self._root = root
        self._for_push = for_push
        self._credentials = DockerCredentials(environ)
        self._clients: dict[str, RegistryClient] = {}
        self._lock = Lock()

    def __call__(self, destination: Destination) -> Store:
        """The store of a destination. Raises InvalidInput."""
        address = destination.address
        if address.startswith(LAYOUTS_SCHEME):
            return Layout(os.path.join(self._root, address[len(LAYOUTS_SCHEME) :]))
        repository = parse_repository(address)
        client = self._client(repository.registry, destination.insecure)
        return RegistryRepository(client, repository, for_push=self._for_push)

    def _client(self, registry: str, insecure: bool) -> RegistryClient:
        with self._lock:
            if registry not in self._clients:
                self._clients[registry] = RegistryClient(
                    registry, credentials=self._credentials, options=RegistryOptions(insecure)
                )
            return self._clients[registry]

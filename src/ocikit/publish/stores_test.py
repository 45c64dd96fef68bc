from __future__ import annotations

from ocikit.publish.request import Destination
from ocikit.publish.stores import Stores
from ocikit.registry.options import RegistryOptions
from ocikit.testing.fake_registry import FakeRegistry


def test_mirrors_are_not_asked_what_a_registry_has() -> None:
    with FakeRegistry() as registry, FakeRegistry() as mirror:
        options = {registry.address: RegistryOptions(mirrors=(mirror.address,))}
        stores = Stores(".", {}, options)
        assert stores(Destination(f"{registry.address}/team/web")).resolve("latest") is None
        assert (registry.count("HEAD"), mirror.requests) == (1, [])

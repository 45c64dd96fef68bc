"""A base of 300 MB, counted at the wire: its layer is transferred once, and only where it is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from ocikit.spec.descriptor import Descriptor
from support.base_images import push_large
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root
from support.counting_proxy import CountingProxy, Exchange
from support.registry_process import registry_process

SIZE = 300 * 1000 * 1000
LITTLE = 100_000
_BUILD = """\
oci_base(name="base", image="{address}/base/large:1")
file(name="file", source="file.txt")
oci_image(name="image", base=":base", dependencies=[":file"])
oci_push(name="one", image=":image", repository="app/one")
oci_push(name="two", image=":image", repository="app/two")
"""


@dataclass(frozen=True)
class World:
    """A base in the registry `home`, the images built on it, and another registry, `away`."""

    root: BuildRoot
    home: CountingProxy
    away: CountingProxy
    layer: Descriptor

    def pants(self, *arguments: str, to: str = "") -> Result:
        self.home.take(), self.away.take()
        option = f'--oci-registries={{"to": {{"address": "{to}", "default": True}}}}'
        return self.root.pants(*([option] if to else []), *arguments)

    def moved(self, proxy: CountingProxy) -> tuple[int, int, tuple[Exchange, ...]]:
        """Bytes downloaded and uploaded, and the requests for the layer's blob."""
        exchanges = proxy.take()
        about = tuple(e for e in exchanges if str(self.layer.digest) in unquote(e.target) and e.method != "HEAD")
        return sum(e.answer for e in exchanges if e.method != "HEAD"), sum(e.body for e in exchanges), about

    def has_layer(self, proxy: CountingProxy, repository: str) -> bool:

        answer = requests.head(f"http://{proxy.address}/v2/{repository}/blobs/{self.layer.digest}", timeout=30)
        return (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("large")
    with (
        registry_process(folder / "home") as home,
        registry_process(folder / "away") as away,
        CountingProxy(home).running() as home_proxy,
        CountingProxy(away).running() as away_proxy,
        empty_build_root() as root,
    ):
        layer = push_large(f"{home}/base/large", "1", SIZE)
        root.write({"BUILD": _BUILD.format(address=home_proxy.address), "file.txt": "text\n"})
        root.pants("oci-lock")
        yield World(root, home_proxy, away_proxy, layer)


def test_building_reads_documents(world: World) -> None:
    world.pants("package", ":one")
    downloaded, uploaded, about_layer = world.moved(world.home)
    assert 0 < downloaded < LITTLE
    assert (uploaded, about_layer) == (0, ())


def test_the_registry_that_has_the_base_gets_no_upload_of_it(world: World) -> None:
    result = world.pants("publish", "::", to=world.home.address)
    downloaded, uploaded, about_layer = world.moved(world.home)
    assert downloaded < LITTLE
    assert 0 < uploaded < LITTLE
    assert {(e.method, "mount=" in e.target, e.status) for e in about_layer} == {("POST", True, 201)}, result
    assert world.has_layer(world.home, "app/one")
    assert world.has_layer(world.home, "app/two")


def test_another_registry_gets_it_once(world: World) -> None:
    world.pants("publish", "::", to=world.away.address)
    downloaded, _, about_layer = world.moved(world.home)
    assert [(e.method, e.status, e.answer) for e in about_layer] == [("GET", 200, SIZE)]
    assert downloaded < SIZE + LITTLE
    _, uploaded, _ = world.moved(world.away)
    assert SIZE < uploaded < SIZE + LITTLE
    assert world.has_layer(world.away, "app/one")
    assert world.has_layer(world.away, "app/two")


def test_an_uploaded_base_is_not_read_again(world: World) -> None:
    world.root.write({"file.txt": "another text\n"})
    world.pants("publish", "::", to=world.away.address)
    assert world.moved(world.home) == (0, 0, ())
    _, uploaded, _ = world.moved(world.away)
    assert 0 < uploaded < LITTLE


def test_nothing_of_it_is_left_on_this_machine(world: World) -> None:
    large = [path for path in world.root.path.rglob("*") if path.is_file() and path.stat().st_size >= SIZE]
    assert large == []
    # Unlike `glob`, `walk` accepts that other tests delete their sandboxes meanwhile.
    sandboxes = Path("/tmp").glob("pants-sandbox-*")
    assert world.layer.digest.hex not in {
        name for sandbox in sandboxes for _, _, names in os.walk(sandbox) for name in names
    }

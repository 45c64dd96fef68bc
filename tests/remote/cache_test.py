"""A team's remote cache, on two real servers: a layer of one machine is neither built nor fetched by another.

The machines' runs build on each other, and tests share them.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from support.buildgrid import buildgrid
from support.cache_server import CacheServer
from support.casd import casd
from support.machines import Machine
from support.team import Image, Seen, Team, team

Images = Mapping[str, Image]

IMAGES = tuple(f"app{number:02}" for number in range(8))
FEW = IMAGES[:3]
CHANGED = "app07"
BUILD = """\
files(name="files", sources=["noise", "greeting.txt"])
oci_image(name="image", dependencies=[":files"])
oci_push(name="push", image=":image", repository="{name}")
"""
LAYER_BYTES = 5_000_000
CHANGE = {f"{CHANGED}/greeting.txt": "Good evening\n"}
DEFER = {"cache_content_behavior": "defer"}
# One server is enough for tests of Pants with the same responses.
on_casd = pytest.mark.parametrize("shared", [casd], indirect=True, ids=["casd"])


@pytest.fixture(scope="module", params=[casd, buildgrid], ids=lambda server: server.__name__)
def shared(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    start: Callable[[Path], AbstractContextManager[CacheServer]] = request.param
    folder = tmp_path_factory.mktemp("team")
    with start(folder / "server") as server, team(folder, server) as made:
        yield made
    # It has hundreds of megabytes.
    shutil.rmtree(folder)


def machine(shared: Team, name: str, checkout: str, change: Mapping[str, str] | None = None) -> Machine:
    """A machine with empty caches, and the sources of all images."""
    made = shared.machine(name, checkout)
    for image in IMAGES:
        noise = random.Random(image).randbytes(LAYER_BYTES)
        build = BUILD.format(name=image)
        made.root.write({f"{image}/BUILD": build, f"{image}/noise": noise, f"{image}/greeting.txt": "Hello\n"})
    made.root.write(change or {})
    return made


@pytest.fixture(scope="module")
def on_a(shared: Team) -> Seen:
    return shared.pants(machine(shared, "a", "checkout"), "publish", "::", **DEFER)


@pytest.fixture(scope="module")
def first(shared: Team, on_a: Seen) -> Images:
    return images(shared)


@pytest.fixture(scope="module")
def b(shared: Team) -> Machine:
    return machine(shared, "b", "in/another/place")


@pytest.fixture(scope="module")
def on_b(shared: Team, first: Images, b: Machine) -> Seen:
    return shared.pants(b, "publish", "::", **DEFER)


@pytest.fixture(scope="module")
def change_on_b(shared: Team, on_b: Seen, b: Machine) -> Seen:
    b.root.write(CHANGE)
    return shared.pants(b, "publish", "::", **DEFER)


@pytest.fixture(scope="module")
def second(shared: Team, change_on_b: Seen) -> Images:
    return images(shared)


@pytest.fixture(scope="module")
def return_on_c(shared: Team, second: Images) -> Seen:
    return shared.pants(machine(shared, "c", "c"), "publish", "::", **DEFER)


@pytest.fixture(scope="module")
def third(shared: Team, return_on_c: Seen) -> Images:
    return images(shared)


@pytest.fixture(scope="module")
def lost(shared: Team, second: Images, third: Images) -> Mapping[str, int]:
    """Two layers deleted from the registry: one that B built, and one that A built."""
    layers = {**second[CHANGED].layers, **second[IMAGES[0]].layers}
    for name in (CHANGED, IMAGES[0]):
        for digest in second[name].layers:
            shared.lose(name, digest)
    return layers


@pytest.fixture(scope="module")
def repair_on_d(shared: Team, lost: Mapping[str, int]) -> Seen:
    """A run that validates remote results: it queries each blob, and must fetch only lost ones."""
    cold = machine(shared, "d", "d", CHANGE)
    return shared.pants(cold, "--oci-verify=blobs", "publish", "::", cache_content_behavior="validate")


def images(shared: Team) -> Images:
    """The images in the registry now."""
    return {name: shared.image(name) for name in IMAGES}


def layers_of(*images: Images) -> dict[str, int]:
    return {digest: size for some in images for image in some.values() for digest, size in image.layers.items()}


def test_the_first_machine_builds_every_layer_and_stores_it(on_a: Seen, first: Images) -> None:
    layers = layers_of(first)
    assert len(on_a.built) == len(layers) == len(IMAGES)
    assert all(size > LAYER_BYTES for size in layers.values())
    assert set(layers) <= set(on_a.pushed)
    counters = on_a.run.counters
    assert counters["remote_cache_write_successes"] == counters["remote_cache_write_attempts"]


def test_a_second_machine_builds_fetches_and_sends_nothing(on_b: Seen, first: Images) -> None:
    # One request for each layer, and one for the tool that builds them.
    assert on_b.run.counters["remote_cache_requests"] == on_b.run.cached_remotely == len(IMAGES) + 1
    assert on_b.built == []
    assert on_b.read(layers_of(first)) == {}
    assert on_b.writes == []


def test_a_second_machine_fetches_less_than_a_kilobyte_for_each_image(on_b: Seen) -> None:
    """The tool does not count: a machine fetches it once, like Pants. It is a separate blob of known size."""
    assert len(on_b.tool) == 1
    assert on_b.down_beside(on_b.tool) < 1000 * len(IMAGES)


def test_a_changed_line_costs_one_layer(change_on_b: Seen, on_b: Seen, first: Images, second: Images) -> None:
    assert change_on_b.built == [f"{CHANGED}:image [files]"]
    assert change_on_b.run.counters["remote_cache_requests"] == 1
    assert change_on_b.read(layers_of(first, second)) == {}
    new = layers_of(second).keys() - layers_of(first).keys()
    assert new == second[CHANGED].layers.keys()
    # The other blob is the image's configuration.
    assert len(change_on_b.pushed) == 2
    assert set(change_on_b.pushed) > new
    assert {exchange.repository for exchange in change_on_b.exchanges if exchange.method != "HEAD"} == {CHANGED}


@on_casd
def test_a_third_machine_goes_back_with_cached_results(
    return_on_c: Seen, first: Images, second: Images, third: Images
) -> None:
    assert third == first != second
    assert return_on_c.all_hits
    assert return_on_c.built == []
    assert return_on_c.read(layers_of(first, second)) == {}
    assert return_on_c.writes == [f"PUT /v2/{CHANGED}/manifests/latest"]


@on_casd
def test_only_lost_layers_come_from_the_remote_cache(
    repair_on_d: Seen, shared: Team, lost: Mapping[str, int], first: Images, second: Images
) -> None:
    assert images(shared) == second
    assert "cache_content_behavior" not in repair_on_d.run.result.stderr
    assert repair_on_d.all_hits
    assert repair_on_d.built == []
    # Each layer was read once; a second read would double its bytes.
    assert repair_on_d.read(layers_of(first, second)) == lost
    assert sorted(repair_on_d.pushed) == sorted(lost)
    assert repair_on_d.down_beside(repair_on_d.tool, lost) < 1500 * len(IMAGES)


@on_casd
def test_the_default_of_pants_fetches_every_layer(shared: Team, repair_on_d: Seen, second: Images) -> None:
    seen = shared.pants(machine(shared, "f", "f", CHANGE), "publish", *(f"{name}::" for name in FEW))
    assert "cache_content_behavior" in seen.run.result.stderr
    assert seen.all_hits
    assert (seen.built, seen.writes) == ([], [])
    assert seen.read(layers_of(second)) == layers_of({name: second[name] for name in FEW})

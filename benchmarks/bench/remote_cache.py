"""A second machine publishes what a first one built: downloads from the remote cache, for each way to set it up.

Every sample is a machine with empty caches, another checkout path, a copy of the server's store and one of the
registry, as the first machine left both. Bytes are counted at the wire, to the server and to the registry.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.build_files import images_of, own_file
from bench.cases import MB, Edition, Images
from bench.facts import Fact
from bench.main import HERE, conditions, find_crane
from bench.session import SETTINGS
from bench.site import Site, free_ports, site
from bench.tools import Export, Push, Tool, peers
from support.casd import casd
from support.machines import Machine
from support.tunnel import tunnel

NAME = "remote-cache-20"
IMAGES = Images(20, shared=(), own=5 * MB)
UNCHANGED, CHANGED = "nothing changed", "one image changed"
VALIDATE, DEFER, FETCH, NO_CACHE = "validate", "defer", "fetch", "no remote cache"
PEERS = ("crane at 8", "skopeo at 8")
_BUILD = """\
file(name="file", source="own")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="{repository}")
"""


@dataclass(frozen=True)
class Sample:
    """`down`, `up`: bytes from and to the cache's server. `layers`: read from it. `sent`: bytes to the registry.

    `beside`: bytes of `down` without layers and the program that builds layers: requests and responses.
    """

    wall: float
    load: float
    hits: int
    layers: int
    down: int
    beside: int
    up: int
    requests: int
    sent: int


Samples = dict[tuple[str, str], tuple[Sample, ...]]


class Bench:
    def __init__(self, folder: Path) -> None:
        self.images = images_of(IMAGES, (IMAGES.count,))
        self._folder = folder
        self._ports = free_ports()
        self._exports: dict[int, Export] = {}
        self._machines = 0
        self._first = self._machine()
        self._first_publishes()
        self._layers = self._export(0).layers(self.images)

    def _machine(self) -> Machine:
        self._machines += 1
        settings = SETTINGS.format(address=self._ports.address)
        machine = Machine(self._folder / f"m{self._machines}", f"checkout{self._machines}", settings)
        machine.root.write(
            {f"{image.folder}/BUILD": _BUILD.format(repository=image.repository) for image in self.images}
        )
        machine.root.write(dict(own_file(IMAGES, image, Edition()) for image in self.images))
        return machine

    def _first_publishes(self) -> None:
        with casd(self._folder / "cache") as server, site(self._folder / "published", self._ports):
            self._first.pants("publish", "::", cache=server.address)

    def ours(self, way: str, own: int) -> Sample:
        """Publish from another machine. `own`: the edition of the first image's layer."""
        machine = self._machine()
        machine.root.write(dict([own_file(IMAGES, self.images[0], Edition(own))]))
        cache = self._folder / "cache-copy"
        shutil.copytree(self._folder / "cache/store", cache / "store", symlinks=True)
        with casd(cache) as server, tunnel(server.port) as wire, self._registry() as registry:
            load, start = os.getloadavg()[0], time.perf_counter()
            if way == NO_CACHE:
                run = machine.pants("publish", "::")
            else:
                run = machine.pants("publish", "::", cache=wire.address, cache_content_behavior=way)
            wall, traffic = time.perf_counter() - start, registry.take()
            # Smaller blobs are not streamed but part of a response.
            read = server.reads()
            layers = sum(f"sha256:{blob}" in self._layers for blob in read)
            beside = wire.down - sum(read.values())
            requests, sent = len(traffic.exchanges), traffic.sent
            sample = Sample(wall, load, run.cached_remotely, layers, wire.down, beside, wire.up, requests, sent)
        for folder in (machine.folder, cache):
            shutil.rmtree(folder)
        return sample

    def theirs(self, tool: Tool, own: int) -> Sample:
        """Push finished layouts, which are already on this machine."""
        push = Push(self.images, (), self._export(own), Edition(own), self._ports.address)
        with self._registry() as registry:
            tool.prepare(push)
            load, start = os.getloadavg()[0], time.perf_counter()
            tool.push(push)
            wall, traffic = time.perf_counter() - start, registry.take()
        return Sample(wall, load, 0, 0, 0, 0, 0, len(traffic.exchanges), traffic.sent)

    def _registry(self) -> AbstractContextManager[Site]:
        return site(self._folder / "registry", self._ports, seed=self._folder / "published")

    def _export(self, own: int) -> Export:
        """The images as layouts, made once for each edition."""
        if own not in self._exports:
            root, folder = self._first.root, self._folder / f"export{own}"
            root.write(dict([own_file(IMAGES, self.images[0], Edition(own))]))
            self._first.pants("package", "::")
            folder.mkdir()
            for image in self.images:
                (root.path / image.layout).rename(folder / str(image.number))
            self._exports[own] = Export(folder)
        return self._exports[own]


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/remote_cache", description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2, help="of each (%(default)s)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder for the results (%(default)s)")
    arguments = parser.parse_args()
    # A signal must also end Pants and the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _find_casd()
    crane = find_crane()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        bench = Bench(folder)
        samples: Samples = {}
        with peers(PEERS, crane, folder) as others:
            for turn in range(arguments.repetitions):
                for state, own in ((UNCHANGED, 0), (CHANGED, turn + 1)):
                    for way in (VALIDATE, DEFER, FETCH, NO_CACHE, *others):
                        sample = bench.theirs(others[way], own) if way in others else bench.ours(way, own)
                        samples[state, way] = (*samples.get((state, way), ()), sample)
                        print(f"{NAME}: {state}: {way}: {sample}", flush=True)
    facts = tuple(facts_of(samples))
    document = {
        "case": NAME,
        "about": dict(conditions(crane)),
        "cells": list(_cells(samples)),
        "facts": list(map(asdict, facts)),
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / f"{NAME}.json").write_text(json.dumps(document, indent=2) + "\n")
    (arguments.output / f"{NAME}.md").write_text(page(document))
    for fact in facts:
        print(f"{'met' if fact.met else 'NOT MET'}: {fact.what}: {fact.found}, expected {fact.expected}")
    return int(not all(fact.met for fact in facts))


def _find_casd() -> None:
    """Use the `buildbox-casd` that `./test` installed, unless `TEST_BUILDBOX` is set."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pants-oci"
    for folder in cache.glob("casd-*/lib/python*/site-packages/buildstream/subprojects/buildbox"):
        os.environ.setdefault("TEST_BUILDBOX", str(folder))


def facts_of(samples: Samples) -> Iterator[Fact]:
    for state, sent in ((UNCHANGED, 0), (CHANGED, 1)):
        for way in (VALIDATE, DEFER):
            found = samples[state, way]
            yield _at_most(f"layers read from the cache, {way}, {state}", max(each.layers for each in found), 0)
            beside = max(each.beside for each in found) // IMAGES.count
            yield _at_most(f"bytes of questions and answers for one image, {way}, {state}", beside, 1000)
            # Layers do not compress; a tar adds headers, and an image a manifest and a config.
            most = sent * (IMAGES.own + 10_000)
            yield _at_most(f"bytes to the registry, {way}, {state}", max(each.sent for each in found), most)


def _at_most(what: str, found: int, limit: int) -> Fact:
    return Fact(what, f"at most {limit:,}", f"{found:,}", found <= limit)


def _cells(samples: Samples) -> Iterator[Mapping[str, Any]]:
    """Summarize a way; counts are the largest of the repetitions."""
    for (state, way), found in samples.items():
        walls = [each.wall for each in found]
        counts = {
            name: max(getattr(each, name) for each in found)
            for name in ("hits", "layers", "down", "beside", "up", "requests", "sent")
        }
        yield {
            "state": state,
            "way": way,
            "repetitions": len(found),
            **counts,
            "wall_least": round(min(walls), 2),
            "wall_median": round(median(walls), 2),
            "load": round(max(each.load for each in found), 1),
        }


def page(document: Mapping[str, Any]) -> str:
    cells: Sequence[Mapping[str, Any]] = document["cells"]
    load = max(cell["load"] for cell in cells)
    about = ", ".join(f"{name} {value}" for name, value in {**document["about"], "load": f"up to {load}"}.items())
    lines = [
        "# Remote cache",
        "",
        "Written by `benchmarks/remote_cache`; [README.md](../README.md) describes what is measured and how. With more",
        "load than processors, seconds are unreliable, but counts are not.",
        "",
        f"{about}.",
        "",
    ]
    for state in (UNCHANGED, CHANGED):
        lines += [
            f"## {NAME}: {state}",
            "",
            "| way | hits | layers read | MB down | beside | MB up | requests | MB sent | wall s |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_row(cell) for cell in cells if cell["state"] == state),
            "",
        ]
    lines += ["| | expected | found | |", "|---|---|---|---|"]
    lines += [
        f"| {fact['what']} | {fact['expected']} | {fact['found']} | {'met' if fact['met'] else '**not met**'} |"
        for fact in document["facts"]
    ]
    return "\n".join(lines) + "\n"


def _row(cell: Mapping[str, Any]) -> str:
    ours = cell["way"] in (VALIDATE, DEFER, FETCH)
    cached = (
        f"{cell['hits']}",
        f"{cell['layers']}",
        f"{cell['down'] / 1e6:.3f}",
        f"{cell['beside'] / 1e6:.3f}",
        f"{cell['up'] / 1e6:.3f}",
    )
    columns = (
        cell["way"],
        *(cached if ours else ("",) * 5),
        f"{cell['requests']:,}",
        f"{cell['sent'] / 1e6:,.3f}",
        f"{cell['wall_least']:.2f} / {cell['wall_median']:.2f}",
    )
    return f"| {' | '.join(columns)} |"

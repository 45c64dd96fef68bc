"""A team whose machines share a remote cache and a registry, and what travels between them while one publishes."""

from __future__ import annotations

import json
import math
import re
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.cache_server import CacheServer
from support.counting_proxy import CountingProxy, Exchange
from support.machines import Machine, Run
from support.registry_process import registry_process
from support.tunnel import Tunnel, tunnel

# All that clients of such a server call here. Of these only `Read` hands out blobs, and the log tells each of them.
_KNOWN_CALLS = {
    *("GetCapabilities", "GetActionResult", "UpdateActionResult"),
    *("FindMissingBlobs", "BatchUpdateBlobs", "Read", "Write", "QueryWriteStatus"),
}
_SETTINGS = """
[oci.registries.wire]
address = "{address}"
default = true
"""


@dataclass(frozen=True)
class Image:
    """`layers`: bytes, by digest."""

    digest: str
    layers: Mapping[str, int]


@dataclass(frozen=True)
class Seen:
    """A run, and what was seen of it elsewhere.

    `down`: bytes from the remote cache at the wire. `reads`: bytes of each blob that was read from it, by SHA-256.
    `tool`: which of these are our own tool, a zip, which no layer is. `exchanges`: requests to the registry.
    """

    run: Run
    down: int
    reads: Mapping[str, int]
    tool: Mapping[str, int]
    exchanges: tuple[Exchange, ...]

    @property
    def finished(self) -> list[str]:
        """What this machine ran to its end, as Pants describes it. Where a remote result came first nothing does."""
        return re.findall(r"Completed: (.*)", self.run.result.stderr)

    @property
    def built(self) -> list[str]:
        """The layers that this machine built itself, as `app:image [files]`."""
        return re.findall(r"Completed: Build layer (\S+ \[[^\]]+\])", self.run.result.stderr)

    @property
    def all_hits(self) -> bool:
        """Whether there was a remote result for everything that one was asked for."""
        return 0 < self.run.counters["remote_cache_requests"] == self.run.cached_remotely

    @property
    def pushed(self) -> list[str]:
        """The digests of the blobs that were uploaded to the registry."""
        return [exchange.completed_blob for exchange in self.exchanges if exchange.completed_blob]

    @property
    def writes(self) -> list[str]:
        """Every request to the registry that could change something."""
        return [f"{x.method} {x.path}" for x in self.exchanges if x.method not in ("GET", "HEAD")]

    def down_beside(self, *blobs: Mapping[str, int]) -> int:
        """`down` without these blobs and their frames: 9 bytes for each 16 KiB (RFC 9113, section 4)."""
        sizes = [size for some in blobs for size in some.values()]
        return self.down - sum(size + 9 * math.ceil(size / 16384) for size in sizes)

    def read(self, layers: Iterable[str]) -> Mapping[str, int]:
        """Which of these digests were read from the remote cache, with bytes."""
        return {layer: self.reads[layer[7:]] for layer in layers if layer[7:] in self.reads}


class Team:
    """`server` is the remote cache, and `registry` the address that nothing counts at."""

    def __init__(self, folder: Path, server: CacheServer, wire: Tunnel, registry: str, proxy: CountingProxy) -> None:
        self.server = server
        self.registry = registry
        self._folder = folder
        self._wire = wire
        self._proxy = proxy

    def machine(self, name: str, checkout: str, settings: str = "") -> Machine:
        """A machine that knows nothing yet, and publishes to the team's registry."""
        return Machine(self._folder / name, checkout, settings + _SETTINGS.format(address=self._proxy.address))

    def pants(self, machine: Machine, *arguments: str, **options: str) -> Seen:
        """Run Pants on a machine. `options`: more of GLOBAL, such as `cache_content_behavior`."""
        log, down = len(self.server.log), self._wire.down
        self._proxy.take()
        told = {**self.server.options, **options}
        run = machine.pants(*arguments, cache=self._wire.address, **told)  # type: ignore[arg-type]
        assert self.server.calls(log) <= _KNOWN_CALLS
        reads = self.server.reads(log)
        tool = {sha256: size for sha256, size in reads.items() if zipfile.is_zipfile(self.server.blob(sha256))}
        return Seen(run, self._wire.down - down, reads, tool, self._proxy.take())

    def image(self, repository: str) -> Image:
        """What the registry has there as `latest`."""
        url = f"http://{self.registry}/v2/{repository}/manifests/latest"
        accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=accepted)) as answer:
            layers = json.load(answer)["layers"]
            return Image(answer.headers["Docker-Content-Digest"], {layer["digest"]: layer["size"] for layer in layers})

    def lose(self, repository: str, digest: str) -> None:
        """Let the registry lose a blob."""
        url = f"http://{self.registry}/v2/{repository}/blobs/{digest}"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")) as answer:
            assert answer.status == 202


@contextmanager
def team(folder: Path, server: CacheServer) -> Iterator[Team]:
    """Give a team a registry, and the server through a tunnel, for the time of a `with`."""
    with registry_process(folder / "registry") as registry, tunnel(server.port) as wire:
        proxy = CountingProxy(registry)
        with proxy.running():
            yield Team(folder, server, wire, registry, proxy)

"""A team whose machines share a remote cache and a registry, and the traffic between them during a publish."""

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

from support.build_root import WITHOUT_PYTHON
from support.cache_server import CacheServer
from support.counting_proxy import CountingProxy, Exchange
from support.machines import Machine, Run
from support.registry_process import registry_process
from support.tunnel import Tunnel, tunnel

# All methods that clients call here. Only `Read` returns blobs, and the log has each of them.
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
    """An image. `layers`: bytes by digest."""

    digest: str
    layers: Mapping[str, int]


@dataclass(frozen=True)
class Seen:
    """A run, and its traffic.

    `down`: bytes from the remote cache at the wire. `reads`: bytes of each blob that was read from it, by SHA-256.
    `tool`: those of our own tool, which is a zip, unlike any layer. `exchanges`: requests to the registry.
    """

    run: Run
    down: int
    reads: Mapping[str, int]
    tool: Mapping[str, int]
    exchanges: tuple[Exchange, ...]

    @property
    def finished(self) -> list[str]:
        """Descriptions of the processes that this machine completed, without those whose remote result came first."""
        return re.findall(r"Completed: (.*)", self.run.result.stderr)

    @property
    def built(self) -> list[str]:
        """The layers that this machine built itself, such as `app:image [files]`."""
        return re.findall(r"Completed: Build layer (\S+ \[[^\]]+\])", self.run.result.stderr)

    @property
    def all_hits(self) -> bool:
        """Whether every request for a remote result was a hit."""
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
        """The bytes read from the remote cache, by digest, of those of these layers that were read."""
        return {layer: self.reads[layer[7:]] for layer in layers if layer[7:] in self.reads}


class Team:
    """A team. `server` is the remote cache, and `registry` the address that bypasses the counting proxy."""

    def __init__(self, folder: Path, server: CacheServer, wire: Tunnel, registry: str, proxy: CountingProxy) -> None:
        self.server = server
        self.registry = registry
        self._folder = folder
        self._wire = wire
        self._proxy = proxy

    def machine(self, name: str, checkout: str, settings: str = "", plugin: str = WITHOUT_PYTHON) -> Machine:
        """A machine with empty caches that publishes to the team's registry."""
        own = _SETTINGS.format(address=self._proxy.address)
        return Machine(self._folder / name, checkout, settings + own, plugin=plugin)

    def pants(self, machine: Machine, *arguments: str, **options: str) -> Seen:
        """Run Pants on a machine. `options`: more options of GLOBAL, such as `cache_content_behavior`."""
        log, down = len(self.server.log), self._wire.down
        self._proxy.take()
        settings = {**self.server.options, **options}
        run = machine.pants(*arguments, cache=self._wire.address, **settings)  # type: ignore[arg-type]
        assert self.server.calls(log) <= _KNOWN_CALLS
        reads = self.server.reads(log)
        tool = {sha256: size for sha256, size in reads.items() if zipfile.is_zipfile(self.server.blob(sha256))}
        return Seen(run, self._wire.down - down, reads, tool, self._proxy.take())

    def image(self, repository: str) -> Image:
        """The `latest` image of a repository in the registry."""
        url = f"http://{self.registry}/v2/{repository}/manifests/latest"
        accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=accepted)) as answer:
            layers = json.load(answer)["layers"]
            return Image(answer.headers["Docker-Content-Digest"], {layer["digest"]: layer["size"] for layer in layers})

    def lose(self, repository: str, digest: str) -> None:
        """Delete a blob from the registry."""
        url = f"http://{self.registry}/v2/{repository}/blobs/{digest}"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")) as answer:
            assert answer.status == 202


@contextmanager
def team(folder: Path, server: CacheServer) -> Iterator[Team]:
    """Set up a team within a `with`, with a registry, and with the server behind a tunnel."""
    with registry_process(folder / "registry") as registry, tunnel(server.port) as wire:
        proxy = CountingProxy(registry)
        with proxy.running():
            yield Team(folder, server, wire, registry, proxy)

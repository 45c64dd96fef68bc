"""A registry behind a counting proxy, each its own process, for the duration of one push."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from support.counting_proxy import CountingProxy, Exchange

REGISTRY = "docker-registry"


@dataclass(frozen=True)
class Ports:
    """The ports of a registry, and of the proxy that all tools use."""

    registry: int
    proxy: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.proxy}"

    @property
    def behind(self) -> str:
        """The address of the registry without the proxy, for requests that are not counted."""
        return f"127.0.0.1:{self.registry}"


@dataclass(frozen=True)
class Traffic:
    """The requests and bytes that passed the proxy."""

    exchanges: tuple[Exchange, ...]
    connections: int

    @property
    def sent(self) -> int:
        return sum(exchange.body for exchange in self.exchanges)

    @property
    def received(self) -> int:
        return sum(exchange.answer for exchange in self.exchanges)


class Site:
    def __init__(self, ports: Ports, proxy: Connection) -> None:
        self.ports = ports
        self._proxy = proxy

    def take(self) -> Traffic:
        """The traffic since the last call."""
        self._proxy.send("take")
        traffic: Traffic = self._proxy.recv()
        return traffic


def free_ports() -> Ports:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return Ports(one.getsockname()[1], other.getsockname()[1])


@contextmanager
def site(storage: Path, ports: Ports, delay: float = 0, seed: Path | None = None) -> Iterator[Site]:
    """Start both. `storage`: the registry's folder, a copy of `seed` or empty."""
    shutil.rmtree(storage, ignore_errors=True)
    if seed:
        # Python would take seconds to copy thousands of small files.
        subprocess.run(["cp", "--archive", str(seed), str(storage)], check=True)
    with _registry(storage, ports), _proxy(ports, delay) as connection:
        yield Site(ports, connection)


@contextmanager
def _registry(storage: Path, ports: Ports) -> Iterator[None]:
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}},
        "http": {"addr": ports.behind},
    }
    # JSON is valid YAML.
    file = storage.with_suffix(".yml")
    file.write_text(json.dumps(settings))
    with subprocess.Popen(
        [REGISTRY, "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(ports.registry)
            yield
        finally:
            process.terminate()


@contextmanager
def _proxy(ports: Ports, delay: float) -> Iterator[Connection]:
    # Not forked: it shares nothing with this process, above all not its interpreter.
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_run_proxy, args=(its, ports, delay), daemon=True)
    process.start()
    try:
        assert ours.recv() == "ready"
        yield ours
    finally:
        ours.send("end")
        process.join()
        ours.close()


def _run_proxy(control: Connection, ports: Ports, delay: float) -> None:
    with CountingProxy(ports.behind, delay, ports.proxy).running() as proxy:
        control.send("ready")
        while control.recv() == "take":
            control.send(Traffic(proxy.take(), proxy.take_connections()))


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"{REGISTRY} did not answer on port {port}.")

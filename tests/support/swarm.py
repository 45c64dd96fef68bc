"""A Docker Swarm of one node, for the time of a test.

Its daemon has its own namespaces for network, mounts and processes. It does not use this machine's daemon, since a
swarm would change the networks of that, and outlive the test. One signal ends the swarm with its processes, mounts and
interfaces, and so does the end of its parent process. The only way out is a pair of interfaces, to registries that
listen at `host`. Virtual addresses of services and published ports need IP_VS, which not every kernel has: query
services with `endpoint_mode: dnsrr` from a container in their network.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.commands import DOCKER, run

_NEEDED = {"dockerd": "docker.io", "ip": "iproute2", "iptables": "iptables"}
# Reserved for benchmarks of networks (RFC 2544), so unused elsewhere.
_ADDRESSES = ipaddress.IPv4Network("198.18.0.0/15")
_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """A service. `tasks`: the IDs of its running tasks; a container that is started again is another task."""

    image: str
    tasks: frozenset[str]
    settled: bool


@dataclass(frozen=True)
class Swarm:
    """A swarm. `socket`: of its daemon. `host`: the address of this machine from the swarm."""

    socket: str
    host: str

    def docker(self, *arguments: str) -> str:
        return run(DOCKER, "--host", self.socket, *arguments)

    def services(self, stack: str) -> dict[str, Service]:
        """The services of a stack, by name without the prefix of the stack."""
        found = {}
        tasks = self._inspect("task", "stack", "ps", "--quiet", "--no-trunc", stack)
        for service in self._inspect("service", "stack", "services", "--quiet", stack):
            own = [task for task in tasks if task["ServiceID"] == service["ID"]]
            found[service["Spec"]["Name"].removeprefix(f"{stack}_")] = _service(service, own)
        return found

    def settled(self, stack: str) -> dict[str, Service]:
        """Wait until each service of a stack runs its latest settings and nothing else; return the services."""
        for _ in range(_SECONDS * 5):
            services = self.services(stack)
            if services and all(service.settled for service in services.values()):
                return services
            time.sleep(0.2)
        raise AssertionError(f"{stack}: not settled.\n{self.docker('stack', 'ps', '--no-trunc', stack)}")

    def _inspect(self, kind: str, *listing: str) -> list[dict[str, Any]]:
        names = self.docker(*listing).split()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", "--type", kind, *names)) if names else []
        return found


def _service(service: Mapping[str, Any], tasks: list[dict[str, Any]]) -> Service:
    image = service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    going = [task for task in tasks if "running" in (task["DesiredState"], task["Status"]["State"])]
    states = [(task["DesiredState"], task["Status"]["State"], task["Spec"]["ContainerSpec"]["Image"]) for task in going]
    expected = [("running", "running", image)] * service["Spec"]["Mode"]["Replicated"]["Replicas"]
    # Docker monitors an update for a while after its last task has started.
    updated = service.get("UpdateStatus", {}).get("State", "completed") == "completed"
    return Service(image, frozenset(task["ID"] for task in going), updated and states == expected)


@contextmanager
def swarm() -> Iterator[Swarm]:
    """Run a swarm within a `with`."""
    missing = sorted(package for program, package in _NEEDED.items() if not shutil.which(program))
    if os.geteuid() != 0 or missing:
        pytest.fail(f"A swarm is made as root, with Debian's {', '.join(_NEEDED.values())}; missing: {missing}.")
    # The paths of its sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="swarm"))
    name = f"swarm{os.getpid()}"
    network = list(_ADDRESSES.subnets(new_prefix=30))[os.getpid() % 2**15]
    host, node = (str(address) for address in network.hosts())
    made = Swarm(f"unix://{folder}/docker.sock", host)
    with _daemon(folder, name, str(network)) as process:
        _wait_for(made, process, folder / "log")
        with _interfaces(name, process.pid, host, node):
            made.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
            yield made


@contextmanager
def _interfaces(name: str, pid: int, host: str, node: str) -> Iterator[None]:
    inside = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip")
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    try:
        for where, interface, address in ((("ip",), name, host), (inside, "eth0", node)):
            run(*where, "address", "add", f"{address}/30", "dev", interface)
            run(*where, "link", "set", interface, "up")
        run(*inside, "link", "set", "lo", "up")
        yield
    finally:
        # The kernel takes some time to delete a network namespace.
        run("ip", "link", "delete", name)


@contextmanager
def _daemon(folder: Path, name: str, network: str) -> Iterator[subprocess.Popen[bytes]]:
    command = (
        *("setpriv", "--pdeathsig=KILL"),
        *("unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"),
        *("dockerd", f"--host=unix://{folder}/docker.sock", f"--pidfile={folder}/pid"),
        *(f"--data-root={folder}/data", f"--exec-root={folder}/exec"),
        *(f"--cgroup-parent=/{name}", "--exec-opt=native.cgroupdriver=cgroupfs", f"--insecure-registry={network}"),
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        _end(process)
        _remove_groups(name)
        shutil.rmtree(folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the child, the first process of its namespace: all others end with it, and its parent waits for that."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
    try:
        process.wait(timeout=_SECONDS)
    finally:
        process.kill()


def _remove_groups(name: str) -> None:
    """Remove the control groups of its containers, the only thing that outlives its namespaces."""
    groups = Path("/sys/fs/cgroup")
    for group in (*groups.glob(name), *groups.glob(f"*/{name}")):
        for path, _, _ in os.walk(group, topdown=False):
            Path(path).rmdir()


def _wait_for(made: Swarm, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(_SECONDS * 10):
        with contextlib.suppress(AssertionError):
            made.docker("info")
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"The daemon of the swarm does not answer: {log.read_text()[-2000:]}")

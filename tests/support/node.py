"""A node of Kubernetes without a kubelet: containerd, which pulls images and runs pods as for a kubelet.

It is a separate process next to any other containerd of the machine, with all of its files in one folder. Pods run in
the network of the machine, so no network plugin is needed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.cri import Container, ContainerRuntime
from support.registry_container import Login

# The relevant tables of containerd's configuration; JSON's strings, lists and booleans are valid TOML.
_CONFIG = """\
version = 2
root = {root}
state = {state}
[grpc]
address = {socket}
[plugins."io.containerd.internal.v1.opt"]
path = {opt}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {pause}
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {none}
conf_dir = {none}
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {hosts}
"""
_HOSTS = """\
server = "http://{registry}"
[host."http://{registry}"]
capabilities = ["pull", "resolve"]
"""


@dataclass(frozen=True)
class Ran:
    """The end of a container. `image`: the reference, with the digest, that the runtime ran."""

    exit_code: int
    output: str
    image: str


class Node:
    """A node that runs pods with images of a registry, with its login."""

    def __init__(self, folder: Path, runtime: ContainerRuntime, group: str, login: Login) -> None:
        self._folder = folder
        self._runtime = runtime
        self._group = group
        self._login = login
        self._pods = 0

    def pull(self, image: str, *, anonymous: bool = False) -> None:
        self._runtime.pull(image, None if anonymous else self._login)

    def run(self, pod: Mapping[str, Any]) -> Mapping[str, Ran]:
        """Run a pod's `spec`: each init container to its end, then the others; and wait for all."""
        self._pods += 1
        logs = self._folder / f"logs/{self._pods}"
        logs.mkdir(parents=True)
        running = self._runtime.run_pod(f"pod-{self._pods}", self._group, logs)
        ran: dict[str, Ran] = {}
        for group in (*([container] for container in pod.get("initContainers", ())), pod["containers"]):
            started = {}
            for said in group:
                container = _container(said)
                self.pull(container.image)
                started[container.name] = self._runtime.start(running, container)
            ran.update((name, self._wait(started[name], logs / name)) for name in started)
        return ran

    def _wait(self, container: str, log: Path) -> Ran:
        for _ in range(600):
            status = self._runtime.status(container)
            if status.exited:
                return Ran(status.exit_code, _output(log.read_text()), status.image)
            time.sleep(0.05)
        raise AssertionError(f"The container did not end within 30 seconds: {log.read_text()}")


@contextmanager
def running_node(folder: Path, registry: str, login: Login, pause: str) -> Iterator[Node]:
    """Run a node within a `with`. `registry`: a host and port, for plain HTTP.

    `pause`: an image of that registry that only sleeps; each pod has a container of it.
    """
    if not shutil.which("containerd"):
        pytest.fail("containerd is missing; ./test installs all that the tests use.")
    hosts = folder / "hosts" / registry
    hosts.mkdir(parents=True)
    (hosts / "hosts.toml").write_text(_HOSTS.format(registry=registry))
    socket = folder / "socket"
    paths = {name: folder / name for name in ("root", "state", "opt", "hosts", "none")}
    values = {name: json.dumps(str(value)) for name, value in {**paths, "socket": socket, "pause": pause}.items()}
    (folder / "config.toml").write_text(_CONFIG.format(**values))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["containerd", "--config", str(folder / "config.toml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    runtime, group = ContainerRuntime(socket), f"pants-oci-{process.pid}"
    try:
        assert runtime.answers(), f"containerd does not answer: {(folder / 'log').read_text()}"
        runtime.pull(pause, login)
        try:
            yield Node(folder, runtime, f"/{group}", login)
        finally:
            runtime.remove_pods()
    finally:
        runtime.close()
        process.terminate()
        process.wait()
        # Version 1 of control groups has one folder for each controller.
        for empty in (path for pattern in (group, f"*/{group}") for path in Path("/sys/fs/cgroup").glob(pattern)):
            empty.rmdir()


def _container(said: Mapping[str, Any]) -> Container:
    env = [(variable["name"], variable["value"]) for variable in said.get("env", ())]
    return Container(said["name"], said["image"], said.get("command", ()), said.get("args", ()), env)


def _output(log: str) -> str:
    """The output in a log, whose lines have a time, the stream, whether the line is whole, and the text."""
    return "".join(f"{line.split(' ', 3)[3]}\n" for line in log.splitlines())

"""Kubernetes's Container Runtime Interface, by which a kubelet calls its container runtime.

Field numbers are those of Kubernetes's `cri-api/pkg/apis/runtime/v1/api.proto`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from support.protobuf import Fields, Message, encode
from support.registry_container import Login

# Values of NamespaceMode and ContainerState.
_OF_NODE = 2
_EXITED = 2


@dataclass(frozen=True)
class Container:
    """A container of a pod's specification. If `command` or `args` are empty, those of the image apply."""

    name: str
    image: str
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    env: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Status:
    """The status of a container. `image`: the runtime's reference of its image, with the digest."""

    exited: bool
    exit_code: int
    image: str


@dataclass(frozen=True)
class Pod:
    id: str
    config: Fields


class ContainerRuntime:
    """A client of the runtime behind `socket`. Refused calls raise grpc.RpcError."""

    def __init__(self, socket: Path) -> None:
        # In milliseconds: a runtime that is still starting is soon tried again.
        options = [("grpc.initial_reconnect_backoff_ms", 50)]
        self._channel = grpc.insecure_channel(f"unix://{socket}", options)
        self.close = self._channel.close

    def answers(self) -> bool:
        """Whether the runtime responds within 30 seconds."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=30)
        except grpc.FutureTimeoutError:
            return False
        return True

    def pull(self, image: str, login: Login | None = None) -> None:
        auth: Fields = {1: login.user, 2: login.password} if login else {}
        self._call("ImageService/PullImage", {1: {1: image}, 2: auth})

    def run_pod(self, name: str, group: str, logs: Path) -> Pod:
        """Start a pod in the node's network and the control group `group`; its containers log to files in `logs`."""
        namespaces: Fields = {1: {1: _OF_NODE}}
        config: Fields = {1: {1: name, 2: name, 3: "default"}, 3: str(logs), 8: {1: group, 2: namespaces}}
        return Pod(self._call("RuntimeService/RunPodSandbox", {1: config}).text(1), config)

    def start(self, pod: Pod, container: Container) -> str:
        """Start a container and return its ID. Its log file has its name."""
        config: Fields = {
            1: {1: container.name},
            2: {1: container.image},
            3: container.command,
            4: container.args,
            6: [{1: name, 2: value} for name, value in container.env],
            11: container.name,
            15: {2: {3: {1: _OF_NODE}}},
        }
        created = self._call("RuntimeService/CreateContainer", {1: pod.id, 2: config, 3: pod.config}).text(1)
        self._call("RuntimeService/StartContainer", {1: created})
        return created

    def status(self, container: str) -> Status:
        (status,) = self._call("RuntimeService/ContainerStatus", {1: container}).messages(1)
        return Status(status.number(3) == _EXITED, status.number(7), status.text(9))

    def remove_pods(self) -> None:
        """Remove all pods with their containers."""
        for pod in self._call("RuntimeService/ListPodSandbox", {}).messages(1):
            self._call("RuntimeService/StopPodSandbox", {1: pod.text(1)})
            self._call("RuntimeService/RemovePodSandbox", {1: pod.text(1)})

    def _call(self, method: str, request: Fields) -> Message:
        call = self._channel.unary_unary(f"/runtime.v1.{method}", encode, Message)
        answer: Message = call(request, timeout=60)
        return answer

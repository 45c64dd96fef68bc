"""The real program, interrupted wherever it may wait: it exits immediately and leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Callable

import pytest

import ocikit
from ocikit.publish.plan import plan
from ocikit.publish.remote_state import RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.store.layout import Layout
from ocikit.testing import FakeRegistry, Faults, Refusal
from ocikit.testing.dripping_server import DrippingServer, Part, forever
from ocikit.testing.images import tiny_layout

# It exits within hundredths of a second; the limit is for busy machines.
_LIMIT_SECONDS = 5.0
_SOURCES = str(Path(ocikit.__file__).parent.parent)


class _Scene:
    """A working directory, and the commands that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": os.environ["PATH"], "PYTHONPATH": _SOURCES, "DOCKER_CONFIG": str(folder)}

    def start(self, command: Sequence[str], **options: bool) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", "ocikit", *command],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,  # type: ignore[call-overload]
        )
        return process

    def request(self, document: Mapping[str, object]) -> str:
        everything = {"root": ".", "registries": {}, "memory": "memory", "history": "history", "verify_blobs": False}
        (self.folder / "request.json").write_text(json.dumps({**everything, **document}))
        return "request.json"

    def left(self) -> list[str]:
        return [str(path) for path in self.folder.rglob("*") if ".ocikit" in str(path)]


@pytest.fixture
def scene(tmp_path: Path) -> _Scene:
    return _Scene(tmp_path)


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _interrupt(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> None:
    # Give it time to begin waiting.
    time.sleep(0.1)
    assert process.poll() is None, process.communicate()
    started = time.monotonic()
    process.send_signal(number)
    output = process.communicate(timeout=20)
    assert (process.returncode, output) == (130, (b"", b""))
    assert time.monotonic() - started < _LIMIT_SECONDS


def _push_requests(scene: _Scene, address: str) -> list[PushRequest]:
    digest = tiny_layout(scene.folder / "layout", {"a": b"text"})
    manifest = Layout(scene.folder / "layout").fetch_manifest(str(digest))
    return [
        PushRequest(f"shop:{number}", Destination(f"{address}/shop/web-{number}"), ("latest",), manifest)
        for number in range(40)
    ]


def _inspect(scene: _Scene, address: str) -> list[str]:
    return ["inspect", f"{address}/shop/web"]


def _push(scene: _Scene, address: str) -> list[str]:
    tiny_layout(scene.folder / "layout", {"a": b"text"})
    return ["push", "layout", f"{address}/shop/web"]


def _survey(scene: _Scene, address: str) -> list[str]:
    return ["survey", scene.request({"requests": [push.to_json() for push in _push_requests(scene, address)]})]


def _publish(scene: _Scene, address: str) -> list[str]:
    requests = _push_requests(scene, address)
    (scene.folder / "layout").rename(scene.folder / "input")
    document = {
        "requests": [push.to_json() for push in requests],
        "plan": plan(requests, RemoteState()).to_json(),
        "bases": {},
    }
    return ["publish", scene.request(document)]


def _lock(scene: _Scene, address: str) -> list[str]:
    references = [f"{address}/shop/web-{number}:latest" for number in range(40)]
    return ["lock", scene.request({"references": references, "only_digests": False})]


def _base_layer(scene: _Scene, address: str) -> list[str]:
    digest = f"sha256:{'0' * 64}"
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 1 << 30}
    return ["base_layer", scene.request({"repository": f"{address}/shop/web", "layer": layer, "diff_id": digest})]


_COMMANDS = [_inspect, _push, _survey, _publish, _lock, _base_layer]


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda command: command.__name__.strip("_"))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_a_registry_is_silent(scene: _Scene, command: Callable[[_Scene, str], list[str]], number: int) -> None:
    with DrippingServer() as server:
        process = scene.start(command(scene, server.address))
        _wait_until(lambda: server.connections)
        _interrupt(process, number)
    assert scene.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_a_blob_is_written(scene: _Scene, number: int) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"

    def reply() -> Iterator[Part]:
        yield start
        yield from forever(bytes(16 * 1024), 0.02)

    with DrippingServer(reply) as server:
        process = scene.start(_base_layer(scene, server.address))
        _wait_until(lambda: any(os.path.getsize(path) for path in scene.left() if os.path.isfile(path)))
        _interrupt(process, number)
    assert [path for path in scene.left() if os.path.isfile(path)] == []


def test_during_a_pause(scene: _Scene) -> None:
    busy = Refusal("HEAD", 429, headers=(("Retry-After", "50"),))
    with FakeRegistry(faults=Faults(refusals=(busy,))) as registry:
        process = scene.start(_survey(scene, registry.address))
        _wait_until(lambda: registry.requests)
        _interrupt(process)


@pytest.mark.parametrize("body", ["exec sleep 60", "sleep 60", "trap '' INT TERM; while :; do sleep 1; done"])
def test_while_a_credential_helper_runs(scene: _Scene, body: str) -> None:
    helper = scene.folder / "docker-credential-slow"
    helper.write_text(f"#!/bin/sh\necho $$ > new\nmv new pid\n{body}\n")
    helper.chmod(0o755)
    (scene.folder / "config.json").write_text('{"credsStore": "slow"}')
    scene.environ["PATH"] = f"{scene.folder}:{os.environ['PATH']}"
    with FakeRegistry("basic") as registry:
        process = scene.start(_survey(scene, registry.address))
        _wait_until((scene.folder / "pid").exists)
        _interrupt(process)
    _wait_until(lambda: not _runs(int((scene.folder / "pid").read_text())))


def _runs(pid: int) -> bool:
    # A process whose parent has ended, too, may stay a zombie for a moment.
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_while_another_process_holds_a_layout(scene: _Scene) -> None:
    tiny_layout(scene.folder / "layout", {"a": b"text"})
    number = os.open(scene.folder / "layout", os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    process = scene.start(["copy", "oci:layout", "oci:layout:again"])
    time.sleep(1)
    _interrupt(process)
    os.close(number)


def test_while_waiting_for_the_environment(scene: _Scene) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(scene.folder / "socket"))
        listener.listen()
        scene.environ["OCIKIT_ENVIRONMENT"] = str(scene.folder / "socket")
        process = scene.start(_survey(scene, "127.0.0.1:1"))
        connection, _ = listener.accept()
        _interrupt(process)
        connection.close()


def test_an_ignored_signal_does_not_end_the_process(scene: _Scene) -> None:
    """Shells start background processes with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with DrippingServer() as server:
            process = scene.start(_inspect(scene, server.address), restore_signals=False)
            _wait_until(lambda: server.connections)
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert process.poll() is None
            _interrupt(process, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)

"""A publish that is killed at any moment leaves every tag unchanged, or moved to a complete image."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ocikit.publish.plan import DEFAULT_POLICY, plan
from ocikit.publish.remote_state import RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.stores import Stores
from ocikit.publish.survey import survey
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.testing import FakeRegistry, Faults
from ocikit.testing.images import index_of
from support.build_root import PROJECT

KILLS = 50
IMAGES = 20
_TAG = "latest"
_USER, _PASSWORD = "publisher", "password"
# Long enough for some uploads to be in progress at any moment.
_DELAY_SECONDS = 0.01


_NOTHING_ASKED = RemoteState()


def _describe(data: bytes, kind: str) -> Descriptor:
    return Descriptor(kind, Digest.of(data), len(data))


class _Run:
    """One version of every image, in a folder like a sandbox: each has its own layer, and one that all share."""

    def __init__(self, folder: Path, registry: FakeRegistry, version: int) -> None:
        self.folder = folder
        self._environ = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "DOCKER_CONFIG": str(folder)}
        self._blobs = folder / "input" / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        secret = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": secret}}}))
        self.requests = [self._request(registry, number, version) for number in range(IMAGES)]

    @property
    def digests(self) -> Mapping[str, str]:
        """Digests by repository."""
        return {r.destination.address.partition("/")[2]: str(r.manifest.descriptor.digest) for r in self.requests}

    def survey(self) -> RemoteState:
        return survey(self.requests, Stores(str(self.folder), self._environ, {}), DEFAULT_POLICY)

    def start(self, seen: RemoteState = _NOTHING_ASKED) -> subprocess.Popen[bytes]:
        """Push in a process of its own; without `seen`, the plan assumes an empty registry."""
        document = {
            "root": str(self.folder),
            "registries": {},
            "memory": str(self.folder / "memory.json"),
            "history": str(self.folder / "history.json"),
            "requests": [request.to_json() for request in self.requests],
            "plan": plan(self.requests, seen).to_json(),
            "bases": {},
        }
        (self.folder / "request.json").write_text(json.dumps(document))
        return subprocess.Popen(
            [sys.executable, "-m", "ocikit", "publish", "request.json"],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _request(self, registry: FakeRegistry, number: int, version: int) -> PushRequest:
        """A request to push an image; every fourth is an index of two images."""
        destination = Destination(f"{registry.address}/shop/image-{number}")
        image = self._image(f"image {number}, version {version}", version)
        if number % 4:
            return PushRequest(f"shop:image-{number}", destination, (_TAG,), image)
        other = self._image(f"image {number} for arm64, version {version}", version)
        index = index_of({"linux/amd64": image, "linux/arm64": other})
        return PushRequest(f"shop:image-{number}", destination, (_TAG,), index, children=(image, other))

    def _image(self, text: str, version: int) -> Manifest:
        config = self._blob(json.dumps({"architecture": "amd64", "os": "linux", "author": text}).encode())
        layers = [self._blob(f"shared, version {version}".encode()), self._blob(text.encode() * 4096)]
        return Manifest.of(
            _describe(config, media_type.OCI_CONFIG), [_describe(layer, media_type.OCI_LAYER) for layer in layers]
        )

    def _blob(self, data: bytes) -> bytes:
        (self._blobs / Digest.of(data).hex).write_bytes(data)
        return data


def _tags(registry: FakeRegistry) -> dict[str, str]:
    with registry.lock:
        return {name: r.tags[_TAG] for name, r in registry.repositories.items() if _TAG in r.tags}


def _finish(run: _Run) -> None:
    process = run.start(run.survey())
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert json.loads((run.folder / "answer.json").read_bytes())["failed"] == []


def _kill_at(process: subprocess.Popen[bytes], registry: FakeRegistry, count: int) -> bool:
    """Kill when the registry has had `count` requests; return whether the process was still running."""
    while len(registry.requests) < count and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_a_killed_publish(tmp_path: Path) -> None:
    moments = random.Random(2718)
    with FakeRegistry("token", username=_USER, password=_PASSWORD) as registry:
        _finish(_Run(tmp_path / "0", registry, 0))
        # The registry accepts any manifest, so only the order of uploads keeps tags complete.
        registry.faults = Faults(delay_seconds=_DELAY_SECONDS, unchecked_manifests=True)
        before = _tags(registry)
        assert len(before) == IMAGES
        killed, between = 0, 0
        total = _requests_of_a_publish(tmp_path / "whole")
        for number in range(1, KILLS + 1):
            run = _Run(tmp_path / str(number), registry, number)
            others = registry.open_connections
            process = run.start()
            registry.requests.clear()
            killed += _kill_at(process, registry, moments.randrange(total))
            # The registry may still process requests that were sent before the kill.
            while registry.open_connections > others:
                time.sleep(0.001)
            after = _tags(registry)
            assert registry.incomplete() == {}, f"run {number}"
            assert {name for name, digest in after.items() if digest not in (before[name], run.digests[name])} == set()
            between += 0 < sum(digest == run.digests[name] for name, digest in after.items()) < IMAGES
            before = after
        last = _Run(tmp_path / "last", registry, KILLS + 1)
        _finish(last)
        assert _tags(registry) == last.digests
        assert registry.incomplete() == {}
    # Otherwise the moments were badly chosen.
    assert killed > KILLS * 0.8
    assert between >= 3


def _requests_of_a_publish(folder: Path) -> int:
    with FakeRegistry("token", username=_USER, password=_PASSWORD) as registry:
        _finish(_Run(folder / "0", registry, 0))
        run = _Run(folder / "1", registry, 1)
        process = run.start()
        registry.requests.clear()
        process.communicate(timeout=60)
        return len(registry.requests)

"""If a publish is interrupted while a registry is silent, Pants and its processes end immediately."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults
from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root

BUILD = """\
file(name="file", source="own.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="{name}")
"""
NAMES = tuple(f"image-{number}" for number in range(6))
# After three seconds Pants kills processes that have not ended. Its own shutdown is slow on a busy machine.
PROCESS_SECONDS, PANTS_SECONDS = 5.0, 60.0


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        for name in NAMES:
            root.write({f"{name}/BUILD": BUILD.format(name=name), f"{name}/own.txt": os.urandom(100_000)})
        yield root


@pytest.mark.parametrize("daemon", ["--pantsd", "--no-pantsd"])
@pytest.mark.parametrize("pattern", ["^HEAD", "^PUT .*/blobs"], ids=["survey", "publish"])
def test_a_silent_registry(root: BuildRoot, daemon: str, pattern: str) -> None:
    stalled = Disturbance(pattern, Break.STALLED, None)
    with FakeRegistry(faults=Faults(disturbances=(stalled,))) as registry:
        table = {"lab": {"address": registry.address, "default": True}}
        arguments = (daemon, "--no-dynamic-ui", f"--oci-registries={table!r}", "publish", "::")
        process = root.start(*arguments, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 240
        while registry.counter.fired(stalled) == 0:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert registry.open_connections
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        while registry.open_connections:
            assert time.monotonic() - started < PROCESS_SECONDS
            time.sleep(0.01)
        _, errors = process.communicate(timeout=PANTS_SECONDS)
    assert process.returncode != 0
    assert b"Traceback" not in errors

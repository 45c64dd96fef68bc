"""A slow publish reports its progress; a fast one does not."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ocikit.progress import due
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root

BUILD = """\
file(name="file", source="own.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="{name}")
"""
NAMES = ("one", "two", "three")
# Each image waits twice, each time longer than the delay before the first progress line.
BUSY = Faults(refusals=(Refusal("PUT .*/manifests/", 429, times=6, headers=(("Retry-After", "8"),)),))
LINE = re.compile(r"\[INFO\] ((?:Published|Asked) .*)")


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        for name in NAMES:
            root.write({f"{name}/BUILD": BUILD.format(name=name), f"{name}/own.txt": os.urandom(100_000)})
        yield root


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry("basic", password="open:sesame") as registry:
        yield registry


def options(registry: FakeRegistry) -> str:
    table = {"lab": {"address": registry.address, "default": True}}
    return f"--oci-registries={table!r}"


def login(root: BuildRoot, registry: FakeRegistry) -> str:
    """Write the `DOCKER_CONFIG` folder, and return the secret in it."""
    secret = base64.b64encode(b"user:open:sesame").decode()
    root.write({".nobody/config.json": json.dumps({"auths": {registry.address: {"auth": secret}}})})
    return secret


def most_lines(seconds: float) -> int:
    reported: list[float] = []
    while due(reported, news=True) <= seconds:
        reported.append(due(reported, news=True))
    return len(reported)


@pytest.mark.parametrize("daemon", ["--pantsd", "--no-pantsd"])
def test_a_slow_registry(root: BuildRoot, registry: FakeRegistry, daemon: str) -> None:
    registry.faults = BUSY
    secret = login(root, registry)
    started = time.monotonic()
    result = root.pants(daemon, options(registry), "publish", "::")
    lines = LINE.findall(result.stderr)
    # Whole layers of 100 kB: after the first 429, fewer requests are sent at the same time.
    sent = r"[123]0\d\.\d of 30\d\.\d kB sent, .* kB/s"
    waiting = rf"Published 0 of 3 images; {sent}; waiting for {registry.address}, \d s"
    assert re.fullmatch(waiting, lines[0])
    assert 2 <= len(lines) <= most_lines(time.monotonic() - started)
    assert "sesame" not in result.stderr and secret not in result.stderr


def test_a_registry_that_does_not_answer(root: BuildRoot, registry: FakeRegistry) -> None:
    registry.faults = Faults(delay_seconds=8)
    login(root, registry)
    lines = LINE.findall(root.pants("--oci-dry-run", options(registry), "publish", "::").stderr)
    assert lines[0] == f"Asked 0 of 3 questions about images; waiting for an answer from {registry.address}"


def test_a_fast_registry(root: BuildRoot, registry: FakeRegistry) -> None:
    login(root, registry)
    result = root.pants(options(registry), "publish", "::")
    assert LINE.findall(result.stderr) == []
    assert "Completed: Publish 3 images, 30" in result.stderr


def test_a_terminal_with_the_dynamic_ui(root: BuildRoot, registry: FakeRegistry) -> None:
    registry.faults = BUSY
    login(root, registry)
    ours, theirs = pty.openpty()
    with root.start("--dynamic-ui", options(registry), "publish", "::", stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = _read(ours)
    assert process.returncode == 0
    assert re.search(r"Published 0 of 3 images; [123]0\d\.\d of 30", shown)


def _read(terminal: int) -> str:
    """Read until the other side is closed, which Linux reports as an error."""
    data = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as stream:
        while block := stream.read(4096):
            data += block
    return data.decode(errors="replace")

"""Failing registries and disks: Pants reports the error, keeps what was there, and the next run finishes the work."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ocikit.store.layout import Layout
from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root
from support.commands import run
from support.serving import serving

PASSWORD = "planted-Pa55word"
NO = b'{"errors":[{"code":"DENIED","message":"not on Sundays"}]}'
FILES: dict[str, str | bytes] = {
    "good/BUILD": (
        'file(name="file", source="file.txt")\n'
        'oci_image(name="image", dependencies=[":file"])\n'
        'oci_push(name="push", image=":image", repository="good", registries=["@good"])\n'
    ),
    "good/file.txt": "good\n",
    "bad/BUILD": (
        'file(name="file", source="file.bin")\n'
        'oci_image(name="image", dependencies=[":file"])\n'
        'oci_push(name="push", image=":image", repository="team/bad", registries=["@bad"])\n'
    ),
    # Random, so that it stays larger than the small disk when compressed.
    "bad/file.bin": random.Random(1).randbytes(200_000),
}


@pytest.fixture(scope="module")
def shared_root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        yield root


@pytest.fixture
def root(shared_root: BuildRoot) -> BuildRoot:
    """The build root with its original files and nothing published."""
    shared_root.write(FILES)
    shutil.rmtree(shared_root.path / "dist", ignore_errors=True)
    return shared_root


def publish(root: BuildRoot, address: str) -> Result:
    """Publish `bad:push` to `address` and `good:push` to a layout; check that no output contains the password."""
    registries = {"bad": {"address": address}, "good": {"address": "oci:dist/registry"}}
    config = root.path / ".docker"
    login = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    config.mkdir(exist_ok=True)
    (config / "config.json").write_text(json.dumps({"auths": {address: {"auth": login}}}))
    result = root.pants(
        f"--oci-registries={registries!r}",
        "publish",
        "good:push",
        "bad:push",
        env={"DOCKER_CONFIG": str(config)},
        check=False,
    )
    log = "".join(path.read_text(errors="replace") for path in root.path.glob(".pants.d/**/*.log"))
    for secret in (PASSWORD, login):
        assert secret not in result.stdout + result.stderr + log
    return result


def assert_only_good(root: BuildRoot, result: Result, *parts: str) -> None:
    """Check that the good image is published, and that the error of the bad one starts with its target."""
    assert result.exit_code == 1, result
    assert "oci:dist/registry/good:latest" in result.stderr, result
    assert Layout(root.path / "dist/registry/good").tags() == ("latest",)
    errors = [line for line in result.stderr.splitlines() if "[ERROR] bad:push: " in line]
    assert errors, result
    for part in parts:
        assert any(part in line for line in errors), f"{part} is not in {errors}"
    assert "Traceback" not in result.stdout + result.stderr, result


FAULTS = [
    pytest.param({}, {"refusals": (Refusal("", 403, body=NO),)}, ["403 DENIED", '"not on Sundays"'], id="refuses"),
    pytest.param({}, {"html": True}, ["an HTML page", "Is this the address of a registry?"], id="answers-in-html"),
    pytest.param({"auth": "basic"}, {}, ["401", "docker login"], id="wrong-password"),
    pytest.param({"auth": "token"}, {}, ["401", "docker login"], id="wrong-password-for-a-token"),
    pytest.param({}, {"read_only": True}, ["405", '"this registry is read-only"'], id="read-only"),
    pytest.param({}, {"drop_upload_after": 50_000}, ["team/bad/blobs/uploads", "connection"], id="drops-an-upload"),
    pytest.param(
        {}, {"refusals": (Refusal("PUT .*/manifests/", 500),)}, ["latest was not moved", "500"], id="breaks-at-the-tag"
    ),
]


@pytest.mark.parametrize("setting, faults, parts", FAULTS)
def test_a_registry_that_fails(
    setting: dict[str, Any], faults: dict[str, Any], parts: list[str], root: BuildRoot
) -> None:
    with FakeRegistry(faults=Faults(**faults), password="another", **setting) as registry:
        result = publish(root, registry.address)
        assert_only_good(root, result, f"{registry.address}/team/bad", *parts)
        assert not registry.repositories["team/bad"].tags

        registry.faults = Faults()
        registry.auth = FakeAuth(registry.auth.kind, "user", PASSWORD, anonymous_pull=False)
        again = publish(root, registry.address)
        assert again.exit_code == 0, again
        assert list(registry.repositories["team/bad"].tags) == ["latest"]
        assert "oci:dist/registry/good:latest" in again.stderr and "unchanged" in again.stderr, again


def test_a_registry_that_is_down(root: BuildRoot) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        # Bound but not listening: connections are refused, and no other process can take the port.
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        assert_only_good(root, publish(root, address), f"{address}/team/bad", "refused")


def test_a_registry_that_hangs_up(root: BuildRoot) -> None:
    """The address belongs to a server that closes each connection immediately."""
    with hanging_up() as address:
        assert_only_good(root, publish(root, address), f"{address}/team/bad", "connection")


def test_a_tag_that_must_not_move(root: BuildRoot) -> None:
    with FakeRegistry(faults=Faults(immutable_tags=True)) as registry:
        assert publish(root, registry.address).exit_code == 0
        before = dict(registry.repositories["team/bad"].tags)
        unchanged = publish(root, registry.address)
        assert unchanged.exit_code == 0, unchanged

        root.write({"bad/file.bin": "another"})
        result = publish(root, registry.address)
        assert_only_good(root, result, f"{registry.address}/team/bad:latest was not moved", "immutable")
        assert registry.repositories["team/bad"].tags == before


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can mount a disk that is too small.")
def test_a_full_disk(root: BuildRoot) -> None:
    disk = root.path / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk))
    try:
        assert_only_good(root, publish(root, "oci:disk"), "oci:disk/team/bad", "No space left on device")
        layout = disk / "team/bad"
        assert not Layout(layout).tags()
        assert not [path for path in layout.rglob("*") if path.is_file() and path.stat().st_size > 10_000]

        run("mount", "-o", "remount,size=1m", str(disk))
        again = publish(root, "oci:disk")
        assert again.exit_code == 0, again
        Layout(layout).verify()
    finally:
        run("umount", str(disk))
        disk.rmdir()


def test_a_layout_that_lost_its_manifest_is_repaired(root: BuildRoot) -> None:
    assert publish(root, "oci:dist/bad").exit_code == 0
    layout = Layout(root.path / "dist/bad/team/bad")
    blob = Path(layout.blob_path(layout.fetch_manifest("latest").descriptor.digest))
    blob.write_bytes(blob.read_bytes()[:-1])

    result = publish(root, "oci:dist/bad")

    assert result.exit_code == 0, result
    assert "oci:dist/bad/team/bad:latest published" in result.stderr, result
    layout.verify()


def test_a_layout_with_a_broken_index(root: BuildRoot) -> None:
    assert publish(root, "oci:dist/bad").exit_code == 0
    index = root.path / "dist/bad/team/bad/index.json"
    index.write_text('{"manifests": [')
    result = publish(root, "oci:dist/bad")
    assert_only_good(root, result, "oci:dist/bad/team/bad", "index.json")
    assert index.read_text() == '{"manifests": ['


class _HangUp(socketserver.BaseRequestHandler):
    """Close the connection without reading or answering."""


@contextmanager
def hanging_up() -> Iterator[str]:
    """The address of a server that closes every connection immediately."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _HangUp)
    with serving(server):
        yield f"127.0.0.1:{server.server_address[1]}"

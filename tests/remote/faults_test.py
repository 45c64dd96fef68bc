"""Faults of a remote cache in the middle of a publish: its end, and that nothing wrong is ever published.

Every publish here has two images: one is unchanged in the registry, and the other replaces an older one, with a layer
that only the cache has.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocikit.spec.digest import Digest
from ocikit.testing import FakeRegistry
from ocikit.testing.fake_contents import FakeRepository
from support.build_root import stop_daemons
from support.casd import Casd, casd
from support.machines import Machine, Run
from support.tunnel import tunnel

_BUILD = """\
file(name="file", source="file.bin")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image")
"""
FILES: Mapping[str, str | bytes] = {
    "changed/BUILD": _BUILD,
    # Incompressible, so that a broken connection does not let all of it through.
    "changed/file.bin": random.Random(7).randbytes(2_000_000),
    "same/BUILD": _BUILD,
    "same/file.bin": "same\n",
}
REPORT = "dist/report.json"
NO_ENTRIES = {"local_cache": "false"}
DEFER = {"cache_content_behavior": "defer"}
VALIDATE = {"cache_content_behavior": "validate"}
FETCH = {"cache_content_behavior": "fetch"}
# The daemon must not remember a failure.
DAEMON = {"pantsd": "true"}


@dataclass(frozen=True)
class Team:
    """`store`: a server's folder, filled by one machine. `machine`: another one, which had all results from there, but
    read no layer. `unchanged`: its publish, during which the server died. `published`: the registry's content then.
    """

    store: Path
    machine: Machine
    unchanged: Run
    published: Mapping[str, FakeRepository]

    @property
    def layer(self) -> str:
        """The SHA-256 of the layer that `changed` needs from the cache."""
        blobs = self.published["changed"].blobs
        return max(blobs, key=lambda digest: len(blobs[digest])).partition(":")[2]

    def tags(self, *, moved: bool) -> Mapping[str, str]:
        same, changed = (self.published[name].tags["latest"] for name in ("same", "changed"))
        return {"same": same, "changed": changed if moved else same}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    folder = tmp_path_factory.mktemp("team")
    with FakeRegistry() as registry:
        with casd(folder / "server") as server:
            first = Machine(folder / "first")
            first.root.write(FILES)
            run = publish(first, registry, server.address)
            assert run.result.exit_code == 0, run
            assert run.counters["remote_cache_write_successes"] == run.counters["remote_cache_write_attempts"], run
        with casd(_copy(folder / "server", folder / "dying")) as server:
            second = Machine(folder / "second", checkout="elsewhere")
            second.root.write(FILES)
            registry.at_next_request = server.kill
            unchanged = publish(second, registry, server.address, **DEFER)
            return Team(folder / "server", second, unchanged, registry.repositories)


@dataclass(frozen=True)
class Scene:
    """A machine, the cache, and a registry with an older image under the tag `changed`."""

    team: Team
    machine: Machine
    server: Casd
    registry: FakeRegistry

    def publish(self, address: str = "", **options: str) -> Run:
        run = publish(self.machine, self.registry, address or self.server.address, **options)
        assert "Traceback" not in run.result.stdout + run.result.stderr, run
        return run

    def evict(self) -> None:
        self.server.blob(self.team.layer).unlink()

    def published(self, run: Run) -> bool:
        """Whether `changed` was published: if not, its tag is unchanged, and the error says what to do. No tag is ever
        incomplete."""
        moved = run.result.exit_code == 0
        assert moved or run.result.exit_code == 1, run
        assert self._tags() == self.team.tags(moved=moved), run
        errors = [line for line in run.result.stderr.splitlines() if "[ERROR] changed:push: " in line]
        assert len(errors) == (not moved), run
        for line in errors:
            assert f"{self.registry.address}/changed:latest was not moved" in line
            assert "could not be read from Pants's caches" in line
            assert "--cache-content-behavior=validate" in line
        assert f"{self.registry.address}/same:latest skipped (unchanged" in run.result.stderr
        report = json.loads((self.machine.root.path / REPORT).read_text())
        outcomes = {row["reference"].split("/")[1]: row["outcome"] for row in report["references"]}
        assert outcomes == {"same:latest": "unchanged", "changed:latest": "pushed" if moved else "failed"}
        return moved

    def _tags(self) -> Mapping[str, str]:
        assert self.registry.incomplete() == {}
        for repository in self.registry.repositories.values():
            for digest, blob in repository.blobs.items():
                assert str(Digest.of(blob)) == digest
            for digest, (_, manifest) in repository.manifests.items():
                assert str(Digest.of(manifest)) == digest
        return {name: repository.tags["latest"] for name, repository in self.registry.repositories.items()}


@pytest.fixture
def scene(team: Team, tmp_path: Path) -> Iterator[Scene]:
    machine = Machine(tmp_path / "machine", store=team.machine)
    machine.root.write(FILES)
    with casd(_copy(team.store, tmp_path / "server")) as server, FakeRegistry() as registry:
        for name in ("same", "changed"):
            same = team.published["same"]
            copy = FakeRepository(dict(same.blobs), dict(same.manifests), dict(same.tags))
            registry.repositories[name] = copy
        yield Scene(team, machine, server, registry)
    stop_daemons(machine.root.path)


def _copy(server: Path, folder: Path) -> Path:
    shutil.copytree(server / "store", folder / "store")
    return folder


def publish(machine: Machine, registry: FakeRegistry, address: str, **options: str) -> Run:
    registries = {"here": {"address": registry.address, "default": True}}
    return machine.pants(
        f"--oci-registries={registries!r}",
        f"--oci-report={REPORT}",
        "publish",
        "::",
        check=False,
        cache=address,
        remote_store_rpc_timeout_millis="2000",
        **options,
    )


def test_an_unchanged_publish_needs_nothing_from_a_server_that_dies(team: Team) -> None:
    assert team.unchanged.result.exit_code == 0, team.unchanged
    assert team.unchanged.result.stderr.count("latest skipped (unchanged") == 2, team.unchanged
    assert team.unchanged.cached_remotely >= 2, team.unchanged


def test_the_server_dies_between_hit_and_read(scene: Scene) -> None:
    scene.registry.at_next_request = scene.server.kill
    run = scene.publish(**DEFER, **NO_ENTRIES)
    assert run.cached_remotely >= 2, run
    assert not scene.published(run)
    assert "Unavailable" in run.result.stderr, run

    # The server is still down: the layer is built locally, and cannot be written to the cache.
    again = scene.publish(**VALIDATE)
    assert scene.published(again), again
    assert "Failed to write to remote cache" in again.result.stderr, again


def test_the_connection_dies_in_the_middle_of_a_layer(scene: Scene) -> None:
    with tunnel(scene.server.port) as way:
        way.collapses_after = 1_000_000
        run = scene.publish(way.address, **FETCH, **NO_ENTRIES)
        assert way.down > 1_000_000
    assert scene.published(run), run


def test_the_server_hangs_until_the_next_run(scene: Scene) -> None:
    scene.server.pause()
    assert not scene.published(scene.publish(**DEFER, **DAEMON))

    scene.server.resume()
    since = len(scene.server.log)
    again = scene.publish(**DEFER, **DAEMON)
    assert scene.published(again), again
    assert scene.team.layer in scene.server.reads(since)


def test_a_layer_is_evicted_that_is_known_here(scene: Scene) -> None:
    scene.evict()
    assert not scene.published(scene.publish(**DEFER))

    again = scene.publish(**VALIDATE)
    assert scene.published(again), again
    assert scene.server.blob(scene.team.layer).exists()


def test_a_layer_is_evicted_between_hit_and_read(scene: Scene) -> None:
    scene.registry.at_next_request = scene.evict
    run = scene.publish(**DEFER, **NO_ENTRIES)
    assert scene.published(run), run
    assert run.counters["backtrack_attempts"] == 1, run
    assert scene.server.blob(scene.team.layer).exists()

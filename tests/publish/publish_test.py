"""`pants publish ::` to a real registry, counted at the wire: only changes are uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot, Result
from support.commands import DOCKER, run
from support.counting_proxy import CountingProxy, Exchange
from support.registry_container import Registry

pytestmark = pytest.mark.container

REFERENCES = {
    "examples/api": ("latest",),
    "examples/banner": ("latest", "1.0"),
    "examples/greeter": ("latest",),
    "examples/site": ("latest",),
    "examples/worker": ("latest",),
}


@dataclass(frozen=True)
class Run:
    """A `publish` and all its requests."""

    result: Result
    exchanges: tuple[Exchange, ...]

    @property
    def sent(self) -> tuple[Exchange, ...]:
        return tuple(exchange for exchange in self.exchanges if exchange.method not in ("GET", "HEAD"))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digest of each blob upload; a blob uploaded twice is listed twice."""
        return tuple(exchange.completed_blob for exchange in self.exchanges if exchange.completed_blob)

    @property
    def bytes_sent(self) -> int:
        return sum(exchange.body for exchange in self.exchanges)


@dataclass(frozen=True)
class Publisher:
    """Publishes the examples to a registry through a counting proxy. Edits stay until the last test is done."""

    root: BuildRoot
    registry: Registry
    proxy: CountingProxy
    docker_config: Path

    def publish(self) -> Run:
        registries = {"wire": {"address": self.proxy.address, "default": True}}
        self.proxy.take()
        result = self.root.pants(
            f"--oci-registries={registries!r}", "publish", "::", env={"DOCKER_CONFIG": str(self.docker_config)}
        )
        return Run(result, self.proxy.take())

    def docker(self, *arguments: str) -> str:
        return run(DOCKER, "--config", str(self.docker_config), *arguments)

    def docker_run(self, reference: str) -> str:
        """Pull an image from the registry and run it."""
        image = f"{self.registry.address}/{reference}"
        self.docker("pull", "--quiet", image)
        try:
            return self.docker("run", "--rm", "--network=none", image)
        finally:
            self.docker("image", "rm", "--force", image)

    def append(self, source: str, line: str) -> None:
        """Edit a file of the examples."""
        self.root.write({source: (self.root.path / source).read_text() + line})

    def digests(self) -> dict[str, str]:
        return {name: self.registry.digest(name) for name in REFERENCES}


@pytest.fixture(scope="module", params=["registry", "closed_registry"], ids=["anonymous", "password"])
def publisher(request: Any, examples_root: BuildRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    registry: Registry = request.getfixturevalue(request.param)
    docker_config = tmp_path_factory.mktemp("docker")
    with CountingProxy(registry.address).running() as proxy:
        if registry.login:
            logins = [json.loads(registry.login.docker_config(host)) for host in (registry.address, proxy.address)]
            merged = {"auths": {host: login for document in logins for host, login in document["auths"].items()}}
            (docker_config / "config.json").write_text(json.dumps(merged))
        yield Publisher(examples_root, registry, proxy, docker_config)
    examples_root.restore()


@pytest.fixture(scope="module")
def first(publisher: Publisher) -> Run:
    return publisher.publish()


def test_the_first_run_publishes_everything(publisher: Publisher, first: Run) -> None:
    for repository, tags in REFERENCES.items():
        for tag in tags:
            manifest = publisher.registry.manifest(repository, tag)
            for blob in (manifest["config"], *manifest["layers"]):
                answer = publisher.registry.get(f"{repository}/blobs/{blob['digest']}")
                assert (answer.status_code, len(answer.content)) == (200, blob["size"])
            assert f"{publisher.proxy.address}/{repository}:{tag} published" in first.result.stderr
    assert first.bytes_sent > 0


def test_no_blob_is_uploaded_twice_to_one_repository(publisher: Publisher, first: Run) -> None:
    completed = [(e.repository, e.completed_blob) for e in first.exchanges if e.completed_blob]
    assert len(completed) == len(set(completed))


def test_the_second_run_uploads_nothing(publisher: Publisher, first: Run) -> None:
    again = publisher.publish()
    assert again.sent == ()
    assert again.bytes_sent == 0
    answered = [exchange for exchange in again.exchanges if exchange.method == "HEAD" and exchange.status == 200]
    assert sorted(exchange.path for exchange in answered) == sorted(
        f"/v2/{repository}/manifests/{tag}" for repository, tags in REFERENCES.items() for tag in tags
    )
    # The other requests are the ones that a registry with a password answers with a challenge.
    others = [exchange for exchange in again.exchanges if exchange not in answered]
    assert all(exchange.status == 401 for exchange in others)
    assert publisher.registry.login or not others
    for repository, tags in REFERENCES.items():
        for tag in tags:
            reference = f"{publisher.proxy.address}/{repository}:{tag}"
            digest = publisher.registry.digest(repository, tag)
            assert f"{reference} skipped (unchanged: {digest})" in again.result.stderr


@pytest.mark.parametrize(
    "source, line, changed",
    [
        pytest.param("examples/greeter/greeting.txt", "Bye.\n", {"greeter", "banner"}, id="in-an-image-and-its-base"),
        pytest.param("examples/worker/report.py", "# Done.\n", {"worker"}, id="python"),
    ],
)
def test_one_changed_line_uploads_one_layer(
    publisher: Publisher, first: Run, source: str, line: str, changed: set[str]
) -> None:
    before = publisher.digests()
    publisher.append(source, line)
    run = publisher.publish()
    after = publisher.digests()

    repositories = {f"examples/{name}" for name in changed}
    assert {name for name in REFERENCES if before[name] != after[name]} == repositories
    assert {exchange.repository for exchange in run.sent} == repositories
    old = [publisher.registry.manifest(name, before[name]) for name in repositories]
    new = [publisher.registry.manifest(name) for name in repositories]
    layers = _layers(new) - _layers(old)
    assert len(layers) == 1
    assert set(run.blobs) == layers | {manifest["config"]["digest"] for manifest in new}
    if len(new) == 1:
        sizes = {blob["digest"]: blob["size"] for blob in (new[0]["config"], *new[0]["layers"])}
        (name,) = repositories
        manifest_size = len(publisher.registry.get(f"{name}/manifests/latest").content)
        assert run.bytes_sent == sum(sizes[digest] for digest in run.blobs) + manifest_size


def test_docker_runs_the_images_from_before_and_after_a_change(publisher: Publisher, first: Run) -> None:
    greeting = publisher.root.path / "examples/greeter/greeting.txt"
    before, old_text = publisher.registry.digest("examples/greeter"), greeting.read_text()
    publisher.append("examples/greeter/greeting.txt", "Until tomorrow.\n")
    publisher.publish()
    new_text = greeting.read_text()
    assert publisher.docker_run("examples/greeter:latest") == new_text
    assert publisher.docker_run("examples/banner:1.0") == "=== pants-oci ===\n" + new_text
    assert publisher.docker_run(f"examples/greeter@{before}") == old_text


def _layers(manifests: list[dict[str, Any]]) -> set[str]:
    return {layer["digest"] for manifest in manifests for layer in manifest["layers"]}

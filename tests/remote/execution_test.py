"""Layers that a worker builds, and images that the local machine publishes, with its credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocikit.testing.fake_registry import FakeRegistry, RecordedRequest
from support import environments
from support.base_images import add_image
from support.build_root import WITH_PYTHON
from support.casd import CACHES, Casd, casd, commands
from support.machines import Machine, Run
from support.registry_container import Login

LOGIN = Login("robot", "known to this machine alone")

FILES = {
    "BUILD": """\
remote_environment(
    name="worker",
    extra_platform_properties=["network=on"],
    python_bootstrap_search_path=["<PATH>"],
    cache_binary_discovery=True,
    fallback_environment="__local__",
)
oci_base(name="base", image="{address}/base", digest="{base}", python="/usr/bin/python3.11")
python_requirement(name="tabulate", requirements=["tabulate==0.9.0"])
""",
    # All layers of this image are built remotely.
    "site/BUILD": """\
file(name="page", source="page.html")
file(name="style", source="style.css")
oci_layer(name="shared", dependencies=[":style"], directory="/shared")
python_sources()
pex_binary(name="server", entry_point="server.py")
oci_image(
    name="image", base="//:base", layers=[":shared"], dependencies=[":page", ":server"], environment="worker"
)
oci_push(name="push", image=":image", repository="site")
oci_image(name="arm", layers=[":shared"], platform="linux/arm64", environment="worker")
oci_index(name="index", images=[":image", ":arm"])
oci_push(name="push-index", image=":index", repository="both")
""",
    "site/page.html": "page\n",
    "site/style.css": "style\n",
    "site/server.py": "import tabulate\n\nprint(tabulate.tabulate([[1]]))\n",
    # Some layers of this image are built remotely.
    "parts/BUILD": """\
file(name="own", source="own.txt")
file(name="remote", source="remote.txt")
oci_layer(name="layer", dependencies=[":remote"], environment="worker")
python_sources()
pex_binary(name="job", entry_point="job.py", environment="worker")
oci_image(name="image", base="//:base", layers=[":layer"], dependencies=[":own", ":job"])
oci_push(name="push", image=":image", repository="parts")
""",
    "parts/own.txt": "own\n",
    "parts/remote.txt": "remote\n",
    "parts/job.py": "print('job')\n",
    "unknown/BUILD": """\
oci_layer(name="layer", symlinks={{"/a": "b"}})
oci_image(name="image", layers=[":layer"], environment="wroker")
""",
    "plain/BUILD": """\
oci_layer(name="layer", symlinks={{"/a": "b"}})
oci_image(name="image", layers=[":layer"])
oci_push(name="push", image=":image", repository="plain")
""",
}
PUSHES = ("site:push", "site:push-index", "parts:push")
CHANGED = {"site/page.html": "another page\n"}


@dataclass(frozen=True)
class Published:
    """The effects of a `publish` on the worker and the registry.

    `layers`: the number of layers that the worker built; `resolved`: that of PEX files. `read`: the SHA-256 of all
    blobs that any client read from its store. `digests`: the published images, by repository.
    """

    run: Run
    layers: int
    resolved: int
    read: frozenset[str]
    requests: tuple[RecordedRequest, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Team:
    """A worker, a registry that requires a login, and machines with the login."""

    folder: Path
    server: Casd
    registry: FakeRegistry
    base: str

    def machine(self, name: str, **changed: str) -> Machine:
        settings = environments.settings(self.folder, self.registry.address, worker="//:worker")
        env = {"DOCKER_CONFIG": str(self.folder / name)}
        machine = Machine(self.folder / name, name, settings, env=env, plugin=WITH_PYTHON)
        machine.root.write({path: self._filled(text) for path, text in {**FILES, **changed}.items()})
        (machine.folder / "config.json").write_bytes(LOGIN.docker_config(self.registry.address))
        return machine

    def pants(self, machine: Machine, *arguments: str, worker: bool, check: bool = True, **options: str) -> Run:
        remote = {
            "cache": self.server.address,
            "remote_execution": "true",
            "remote_execution_address": self.server.address,
            "remote_execution_append_only_caches_base_path": CACHES,
            "cache_content_behavior": "validate",
        }
        return machine.pants(*arguments, check=check, **(remote if worker else {"pantsd": "true"}), **options)

    def publish(self, machine: Machine, worker: bool = True) -> Published:
        log, asked = len(self.server.log), len(self.registry.requests)
        run = self.pants(machine, "publish", *PUSHES, worker=worker)
        ran = commands(self.server.log[log:])
        return Published(
            run,
            sum(command.endswith("ocikit.pex_pex_shim.sh layer request.json") for command in ran),
            sum("--output-file" in command for command in ran),
            frozenset(self.server.reads(log)),
            tuple(self.registry.requests[asked:]),
            {name: self.registry.repositories[name].tags["latest"] for name in ("site", "both", "parts")},
        )

    def layers(self, repository: str) -> list[str]:
        """The SHA-256 of the layers of an image above its base, lowest first."""
        own = self.registry.repositories[repository]
        manifest = json.loads(own.manifests[own.tags["latest"]][1])
        return [layer["digest"].split(":")[1] for layer in manifest["layers"][1:]]

    def _filled(self, text: str) -> str:
        return text.format(address=self.registry.address, base=self.base)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    with (
        casd(folder / "server", executes=True) as server,
        FakeRegistry(auth="token", username=LOGIN.user, password=LOGIN.password) as registry,
    ):
        base = add_image(registry, "base", b"base")
        yield Team(folder, server, registry, str(base.descriptor.digest))


@pytest.fixture(scope="module")
def first(team: Team) -> Published:
    return team.publish(team.machine("first"))


@pytest.fixture(scope="module")
def second(team: Team, first: Published) -> Published:
    """Another machine with empty caches, and with one changed file."""
    return team.publish(team.machine("second", **CHANGED))


@pytest.fixture(scope="module")
def alone(team: Team) -> Iterator[Machine]:
    machine = team.machine("alone", **CHANGED)
    with machine.root:
        yield machine


def test_layers_are_built_where_their_environment_says(team: Team, first: Published) -> None:
    assert (len(team.layers("site")), len(team.layers("parts"))) == (5, 4)
    # All but the `file` of `parts:image`. `site:arm` has the layer `site:shared`.
    assert first.layers == 8
    assert first.resolved == 3, "the requirements of ocikit, `site:server` and `parts:job`"


def test_only_the_local_machine_contacts_registries(first: Published) -> None:
    """Reading the base and publishing require a login that the worker does not have."""
    assert first.run.result.stderr.count(": pushed ") == 3
    assert any(request.status == 401 for request in first.requests)
    assert LOGIN.password not in first.run.result.stderr


def test_another_machine_builds_changed_layers(team: Team, first: Published, second: Published) -> None:
    """It downloads only the layer that it uploads."""
    assert second.layers == 1
    # Everything else was cached: Pants cancels processes that it started in parallel with the look-up.
    ended = re.findall(r"Completed: (.*)", second.run.result.stderr)
    assert ended[:-1] == ["Build layer site:image [files] (1 file, 13 B)"], ended
    assert ended[-1].startswith("Publish 2 images")
    assert second.read & {*team.layers("site"), *team.layers("parts")} == {team.layers("site")[-1]}
    assert second.digests["parts"] == first.digests["parts"]


def test_without_a_worker_all_digests_are_the_same(team: Team, second: Published, alone: Machine) -> None:
    local = team.publish(alone, worker=False)
    assert (local.layers, local.run.counters.get("remote_execution_requests")) == (0, None)
    assert local.digests == second.digests
    assert {request.method for request in local.requests} <= {"GET", "HEAD"}


def test_an_unknown_environment(team: Team, alone: Machine) -> None:
    result = team.pants(alone, "package", "unknown:image", worker=False, check=False).result
    assert result.exit_code == 1
    assert "`wroker` from the `environment` field" in result.stderr
    assert "Traceback" not in result.stderr


def test_publishing_without_a_local_environment_is_refused(team: Team, alone: Machine) -> None:
    asked, log = len(team.registry.requests), len(team.server.log)
    result = team.pants(
        alone, "publish", "plain:push", worker=True, check=False, environments_preview_names="{}"
    ).result
    assert result.exit_code == 1
    assert "`[environments-preview].names` is empty. Nothing was built or uploaded." in result.stderr
    assert (len(team.registry.requests), commands(team.server.log[log:])) == (asked, [])

"""Layers built in a container and locally give images with the same digests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ocikit.testing.fake_registry import FakeRegistry
from support import environments
from support.base_images import add_image
from support.build_root import WITH_PYTHON
from support.commands import DOCKER, image_from, need_engine, run
from support.machines import Machine, Run
from support.registry_container import Login

pytestmark = pytest.mark.container

LOGIN = Login("robot", "known to this machine alone")
# The certificate authorities of a container that has none of its own: Pants passes this file to it.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
BUILD = """\
docker_environment(name="container", image="{image}", python_bootstrap_search_path=["<PATH>"])
oci_base(name="base", image="{address}/base", digest="{base}", python="/usr/bin/python3.11")
file(name="file", source="file.txt")
python_sources()
pex_binary(name="program", entry_point="program.py")
oci_layer(name="layer", dependencies=[":file"], directory="/layer")
oci_layer(name="layer-there", dependencies=[":file"], directory="/layer", environment="container")

oci_image(name="here", base=":base", layers=[":layer"], dependencies=[":file", ":program"])
oci_image(
    name="there", base=":base", layers=[":layer"], dependencies=[":file", ":program"], environment="container"
)
oci_image(name="mixed", base=":base", layers=[":layer-there"], dependencies=[":file", ":program"])
oci_push(name="push-here", image=":here", repository="here")
oci_push(name="push-there", image=":there", repository="there")
oci_push(name="push-mixed", image=":mixed", repository="mixed")
"""


@dataclass(frozen=True)
class Published:
    """A run of `publish`, and the commands that it ran in containers."""

    run: Run
    registry: FakeRegistry
    commands: list[str]

    def digest(self, name: str) -> str:
        return self.registry.repositories[name].tags["latest"]

    def layers(self, name: str) -> list[str]:
        """The digests of an image's layers, lowest first."""
        _, manifest = self.registry.repositories[name].manifests[self.digest(name)]
        return [layer["digest"] for layer in json.loads(manifest)["layers"]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    need_engine()
    folder = tmp_path_factory.mktemp("containers")
    with FakeRegistry(auth="basic", username=LOGIN.user, password=LOGIN.password) as registry:
        base = str(add_image(registry, "base").descriptor.digest)
        settings = environments.settings(folder, registry.address, container="//:container")
        env = {"DOCKER_CONFIG": str(folder)}
        machine = Machine(folder / "machine", settings=settings, env=env, plugin=WITH_PYTHON)
        build = BUILD.format(image=image_from("TEST_PYTHON_IMAGE"), address=registry.address, base=base)
        machine.root.write({"BUILD": build, "file.txt": "file\n", "program.py": "print('here')\n"})
        (folder / "config.json").write_bytes(LOGIN.docker_config(registry.address))
        since = str(time.time())
        run_of_pants = machine.pants("publish", "::", ca_certs_path=AUTHORITIES)
        until = ("--since", since, "--until", str(time.time()))
        events = run(DOCKER, "events", *until, "--filter", "event=exec_create", "--format", "{{.Action}}")
        yield Published(run_of_pants, registry, events.splitlines())


def test_images_built_in_a_container_are_the_same(published: Published) -> None:
    assert published.digest("there") == published.digest("here")
    # Only the layers are equal, since the target of the layer built there is in the image's history.
    assert published.layers("mixed") == published.layers("here")


def test_the_container_builds_layers_and_nothing_else(published: Published) -> None:
    """The container builds the layer that two images share, and the start, code and files of `:there`."""
    called = [command.split()[-2] for command in published.commands if command.endswith(" request.json")]
    assert called == ["layer"] * 4


def test_only_the_local_machine_contacts_registries(published: Published) -> None:
    """The registry requires a login that the container does not have."""
    assert published.run.result.stderr.count(": pushed ") == 3
    assert any(request.status == 401 for request in published.registry.requests)

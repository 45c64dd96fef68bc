"""Two services of the examples, deployed to a real swarm from a registry that requires a login.

A container in the stack's own network queries them continuously and resolves their names each time: a name resolves to
the containers that are ready (`endpoint_mode: dnsrr`). The swarm's virtual addresses and published ports need IP_VS and
are not tested.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.build_root import BuildRoot
from support.commands import DOCKER, run
from support.examples import examples_build_root
from support.layouts import python_base
from support.sites import Asked, Site, htpasswd_at
from support.swarm import Service, Swarm, swarm

pytestmark = pytest.mark.container

STACK = "examples"
# The examples have no base, but need one to run.
BASE = 'oci_base(name="python", path="layout", python="/usr/bin/python3.11")\n'
ON_BASE = {
    "examples/api/BUILD": ('python="/usr/local/bin/python3.9"', 'base="base:python"'),
    "examples/site/BUILD": ('directory="/srv/www"', 'directory="/srv/www", base="base:python"'),
}
PRICES = "examples/library/shop/prices.py"
OLD = '{"tea": "4.50", "cake": "3.90", "water": "0.00"}'
NEW = OLD.replace("4.50", "5.00")
ASK = """\
import json, time, urllib.request

while True:
    for service, path in (("api", "prices"), ("site", "index.html")):
        try:
            with urllib.request.urlopen(f"http://{service}:8080/{path}", timeout=3) as answer:
                text = answer.read().decode()
        except Exception as error:
            text = f"FAILED: {error!r}"
        print(json.dumps([service, text]), flush=True)
    time.sleep(0.02)
"""


@dataclass(frozen=True)
class Step:
    """The result of a deployment.

    `pinned`: the images that `package` renders. `asked`: the requests of Pants to the registry. `heard`: the answers of
    each service from before the deployment until after it. `printed`: the output of Pants.
    """

    services: Mapping[str, Service]
    pinned: Mapping[str, str]
    asked: tuple[Asked, ...]
    heard: Mapping[str, tuple[str, ...]]
    printed: str

    @property
    def tasks(self) -> Mapping[str, frozenset[str]]:
        return {name: service.tasks for name, service in self.services.items()}

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of the requests that were not challenged for a login."""
        return [(asked.method, asked.target.partition("?")[0]) for asked in self.asked if asked.status != 401]


class Asker:
    """A container that queries both services without a break."""

    def __init__(self, where: Swarm, image: str) -> None:
        # Unknown names fail immediately: by default the resolver retries until there is an answer.
        impatient = ("--dns-option=timeout:1", "--dns-option=attempts:1")
        options = ("--detach", f"--network={STACK}_default", *impatient, "--entrypoint=python3")
        self._swarm, self._read = where, 0
        self._name = where.docker("run", *options, image, "-c", ASK).strip()

    def heard(self) -> Mapping[str, tuple[str, ...]]:
        """The answers since the last call; the last ones were requested after this call."""
        expected, end = len(self._lines()) + 6, time.monotonic() + 60
        while len(lines := self._lines()) < expected:
            assert time.monotonic() < end, f"The container stopped asking: {lines[-3:]}"
            time.sleep(0.1)
        answers = [json.loads(line) for line in lines[self._read :]]
        self._read = len(lines)
        return {name: tuple(text for service, text in answers if service == name) for name in ("api", "site")}

    def _lines(self) -> list[str]:
        return self._swarm.docker("logs", self._name).splitlines()


class Cluster:
    """The swarm that the examples are deployed to; an `Asker` queries them after the first deployment."""

    def __init__(self, root: BuildRoot, site: Site, where: Swarm) -> None:
        self.root, self.site, self.swarm = root, site, where
        self.login = {"DOCKER_CONFIG": str(site.docker_config)}
        self._asker: Asker | None = None
        run(DOCKER, "context", "create", "swarm", f"--docker=host={where.socket}", env=self.login)

    def deploy(self) -> Step:
        before = len(self.site.log())
        goals = ("package", "experimental-deploy", "examples/deploy:stack")
        printed = self.root.pants(self.site.option, "--oci-deployment-context=swarm", *goals, env=self.login).stderr
        asked = tuple(asked for asked in self.site.log()[before:] if asked.agent == "ocikit")
        rendered = (self.root.path / "dist/examples.deploy/stack/stack.yaml").read_text()
        pinned = {re.split("[/@]", image)[-2]: image for image in re.findall("image: (.*)", rendered)}
        services = self.swarm.settled(STACK)
        heard = self._asker.heard() if self._asker else {}
        self._asker = self._asker or Asker(self.swarm, pinned["site"])
        return Step(services, pinned, asked, heard, printed)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("swarm")
    with (
        swarm() as made,
        htpasswd_at(folder / "registry", made.host) as site,
        examples_build_root(folder / "root") as root,
    ):
        root.write({"base/BUILD": BASE, **{name: edited(root, name, *texts) for name, texts in ON_BASE.items()}})
        python_base(root.path / "base/layout")
        root.commit()
        yield Cluster(root, site, made)


def edited(root: BuildRoot, name: str, old: str, new: str) -> str:
    text = (root.path / name).read_text()
    assert text.count(old) == 1, f"{name}: {old}"
    return text.replace(old, new)


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> Step:
    return cluster.deploy()


@pytest.fixture(scope="module")
def again(cluster: Cluster, first: Step) -> Step:
    """A deployment without changes."""
    return cluster.deploy()


@pytest.fixture(scope="module")
def changed(cluster: Cluster, again: Step) -> Step:
    """A deployment with one line changed in a module that only one of the two services imports."""
    cluster.root.write({PRICES: edited(cluster.root, PRICES, '"tea": 450', '"tea": 500')})
    cluster.root.commit()
    return cluster.deploy()


@pytest.fixture(scope="module")
def back(cluster: Cluster, changed: Step) -> Step:
    """A deployment of the previous commit."""
    cluster.root.git("checkout", "--quiet", "HEAD~1")
    return cluster.deploy()


def test_services_run_the_digests_that_package_renders(first: Step, changed: Step, back: Step) -> None:
    for step in (first, changed, back):
        assert {name: service.image for name, service in step.services.items()} == step.pinned
    assert sorted(first.pinned) == ["api", "site"]
    assert {name: len(tasks) for name, tasks in first.tasks.items()} == {"api": 1, "site": 2}


def test_the_registry_refuses_pulls_without_a_login(cluster: Cluster, first: Step, tmp_path: Path) -> None:
    no_login = {"DOCKER_CONFIG": str(tmp_path)}
    command = (DOCKER, "--host", cluster.swarm.socket, "pull", cluster.site.pulled_from("examples/api"))
    done = subprocess.run(command, env=no_login, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no basic auth credentials" in done.stderr, done


def test_deploying_without_changes_keeps_every_container(first: Step, again: Step) -> None:
    assert again.tasks == first.tasks and again.pinned == first.pinned
    assert sorted(again.requests) == [("HEAD", f"/v2/examples/{name}/manifests/latest") for name in ("api", "site")]
    assert set(again.heard["api"]) == {OLD}


def test_one_changed_line_updates_one_service_while_both_answer(again: Step, changed: Step) -> None:
    assert changed.tasks["site"] == again.tasks["site"] and changed.pinned["site"] == again.pinned["site"]
    assert len(changed.tasks["api"]) == 1 and not changed.tasks["api"] & again.tasks["api"]
    assert (changed.heard["api"][0], changed.heard["api"][-1]) == (OLD, NEW)
    # No request failed, and there were no other answers.
    assert set(changed.heard["api"]) == {OLD, NEW} and len(set(changed.heard["site"])) == 1
    assert "<h1>Tea and cake</h1>" in changed.heard["site"][0]
    assert min(map(len, changed.heard.values())) > 30


def test_the_previous_commit_is_deployed_without_builds_or_uploads(again: Step, changed: Step, back: Step) -> None:
    assert back.pinned == again.pinned
    assert back.tasks["site"] == again.tasks["site"] and not back.tasks["api"] & changed.tasks["api"]
    assert (back.heard["api"][0], back.heard["api"][-1]) == (NEW, OLD)
    assert set(back.heard["api"]) == {OLD, NEW} and set(back.heard["site"]) == set(changed.heard["site"])
    assert "Build layer" not in back.printed
    # Only the tag `latest` moves back: its manifest is uploaded again, without any blob request.
    digest = back.pinned["api"].partition("@")[2]
    manifests = "/v2/examples/api/manifests"
    assert [request for request in back.requests if request[0] == "PUT"] == [("PUT", f"{manifests}/latest")]
    assert ("HEAD", f"{manifests}/{digest}") in back.requests
    assert not [target for _, target in back.requests if "/blobs/" in target]

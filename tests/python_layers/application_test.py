"""An application with real requirements: the cost of a change, and that the application works."""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.build_root import WITH_PYTHON, BuildRoot
from support.commands import DOCKER, run
from support.counting_proxy import CountingProxy, Exchange
from support.layouts import STRICT, LayoutImage, python_base
from support.registry_process import registry_process

pytestmark = pytest.mark.container

SETTINGS = """
[source]
root_patterns = ["/library", "/shop", "/batch"]

[python]
interpreter_constraints = ["CPython>=3.10,<3.13"]

[python-infer]
use_rust_parser = true
"""

FILES = {
    "BUILD": """\
oci_base(name="python", image="REGISTRY/base/python:3.11", python="/usr/bin/python3.11")
python_requirement(name="requests", requirements=["requests==2.32.3"])
python_requirement(name="numpy", requirements=["numpy==1.26.4"])
""",
    "library/prices/BUILD": "python_sources()\n",
    "library/prices/__init__.py": "",
    "library/prices/total.py": "import numpy\n\ndef total(prices):\n    return int(numpy.array(prices).sum())\n",
    "shop/BUILD": """\
python_sources()
pex_binary(name="server", entry_point="server:main", dependencies=["//:requests"])
oci_image(name="image", base="//:python", dependencies=[":server"], user="1000:1000")
oci_push(name="push", image=":image", repository="shop")
""",
    "shop/server.py": """\
import requests
from prices.total import total

def main():
    url = requests.Request("GET", "http://shop.example/", params={"total": total([1, 2, 3])}).prepare().url
    print(url)
""",
    "batch/BUILD": """\
python_sources()
pex_binary(name="job", entry_point="job.py", args=["--now"])
oci_image(name="image", base="//:python", dependencies=[":job"])
oci_push(name="push", image=":image", repository="batch")
""",
    "batch/job.py": """\
import sys

import requests
from prices.total import total

print(total([40, 2]), sys.argv[1:])
""",
}


@dataclass(frozen=True)
class Publisher:
    """Publishes to a registry through a counting proxy."""

    root: BuildRoot
    registry: str
    proxy: CountingProxy
    files: Mapping[str, str]

    def publish(self, *targets: str) -> tuple[list[str], tuple[Exchange, ...]]:
        """Publish, and return the processes that Pants started and the requests."""
        registries = {"wire": {"address": self.proxy.address, "default": True}}
        self.proxy.take()
        log = self.root.pants(f"--oci-registries={registries!r}", "publish", *targets).stderr
        return re.findall(r"Starting: (.*)", log), self.proxy.take()

    def sizes(self, name: str) -> dict[str, int]:
        """The sizes of an image's blobs in the registry, layers first, by digest."""
        request = urllib.request.Request(
            f"http://{self.registry}/v2/{name}/manifests/latest",
            headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        )
        with urllib.request.urlopen(request) as answer:
            manifest = json.load(answer)
        return {blob["digest"]: blob["size"] for blob in (*manifest["layers"], manifest["config"])}

    def docker_run(self, name: str, *arguments: str) -> str:
        image = f"{self.registry}/{name}"
        run(DOCKER, "pull", "--quiet", image)
        try:
            return run(DOCKER, "run", "--rm", *STRICT, image, *arguments)
        finally:
            run(DOCKER, "image", "rm", "--force", image)


def sent(exchanges: tuple[Exchange, ...]) -> list[str]:
    return [exchange.completed_blob for exchange in exchanges if exchange.completed_blob]


def sent_bytes(exchanges: tuple[Exchange, ...]) -> int:
    return sum(exchange.body for exchange in exchanges)


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    folder = tmp_path_factory.mktemp("application")
    with BuildRoot(folder / "root", SETTINGS, WITH_PYTHON) as root, registry_process(folder / "registry") as registry:
        python_base(folder / "base")
        options = ("--quiet", "--preserve-digests", "--dest-tls-verify=false")
        run("skopeo", "copy", *options, f"oci:{folder}/base:latest", f"docker://{registry}/base/python:3.11")
        with CountingProxy(registry).running() as proxy:
            root.write({**FILES, "BUILD": FILES["BUILD"].replace("REGISTRY", proxy.address)})
            root.pants("oci-lock", "::")
            files = {name: (root.path / name).read_text() for name in (*FILES, "oci.lock")}
            yield Publisher(root, registry, proxy, files)


@pytest.fixture(scope="module")
def first(publisher: Publisher) -> dict[str, int]:
    publisher.publish("shop:push")
    return publisher.sizes("shop")


def test_the_application_runs_on_a_read_only_file_system(publisher: Publisher, first: dict[str, int]) -> None:
    assert publisher.docker_run("shop") == "http://shop.example/?total=6\n"
    # The base, numpy, the other five requirements, the launcher, first-party code; and the config.
    assert len(first) == 6


def test_one_changed_line_uploads_one_small_layer_and_starts_no_pex(
    publisher: Publisher, first: dict[str, int]
) -> None:
    publisher.root.write({"shop/server.py": FILES["shop/server.py"].replace("print(url)", "print(url.upper())")})
    processes, exchanges = publisher.publish("shop:push")
    now = publisher.sizes("shop")
    layer, config = sorted(set(now) - set(first), key=list(now).index)
    assert sent(exchanges) == [layer, config] or sent(exchanges) == [config, layer]
    assert now[layer] < 16 * 1024 and sent_bytes(exchanges) < 16 * 1024
    # No process if this machine has built the layer before.
    layers = {process.partition(" (")[0] for process in processes if "layer" in process}
    assert layers <= {"Build layer shop:image [sources]"}
    assert not [process for process in processes if "pex" in process or "requirements" in process]
    assert publisher.docker_run("shop") == "HTTP://SHOP.EXAMPLE/?TOTAL=6\n"


def test_a_second_application_adds_no_third_party_bytes(publisher: Publisher, first: dict[str, int]) -> None:
    # No option is needed: this machine remembers the repository that has the blobs.
    processes, exchanges = publisher.publish("batch:push")
    batch = publisher.sizes("batch")
    assert len(set(batch) & set(first)) == 3
    assert set(sent(exchanges)) == set(batch) - set(first)
    assert sent_bytes(exchanges) < 16 * 1024
    assert not [process for process in processes if "pex" in process or "requirements" in process]
    assert publisher.docker_run("batch", "x") == "42 ['--now', 'x']\n"


def test_a_new_release_uploads_only_its_group(publisher: Publisher, first: dict[str, int]) -> None:
    publisher.root.write({"BUILD": publisher.files["BUILD"].replace("2.32.3", "2.32.4")})
    _, exchanges = publisher.publish("shop:push")
    assert 50_000 < sent_bytes(exchanges) < 1_000_000
    assert publisher.docker_run("shop").endswith("6\n")


def test_the_digest_is_the_same_elsewhere(publisher: Publisher, first: dict[str, int], tmp_path: Path) -> None:
    """Another path, empty caches, another umask and another Pants give the same digest."""
    publisher.root.write(publisher.files)
    publisher.root.pants("package", "shop:image")
    caches = {"PANTS_LOCAL_STORE_DIR": str(tmp_path / "store"), "PANTS_NAMED_CACHES_DIR": str(tmp_path / "named")}
    mask = os.umask(0o077)
    try:
        with BuildRoot(tmp_path / "another/longer/place", SETTINGS, WITH_PYTHON) as root:
            root.write(publisher.files)
            root.pants("package", "shop:image", env={**caches, "PANTS_VERSION": "2.18.0a0"})
            found = LayoutImage(root.path / "dist/shop/image").digest
    finally:
        os.umask(mask)
        for folder in caches.values():
            shutil.rmtree(folder, ignore_errors=True)
    assert found == LayoutImage(publisher.root.path / "dist/shop/image").digest


def test_no_path_of_the_build_is_in_any_layer(publisher: Publisher, first: dict[str, int]) -> None:
    publisher.root.pants("package", "shop:image")
    image = LayoutImage(publisher.root.path / "dist/shop/image")
    traces = (str(publisher.root.path), "pants-sandbox", "named_caches", "installed_wheels")
    for digest in image.layers[1:]:
        for path, data in image.files(digest).items():
            assert [trace for trace in traces if trace.encode() in data or trace in path] == [], path

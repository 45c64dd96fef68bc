"""An index of several platforms: built, published, counted at the wire, and pulled by other tools."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import schemas
from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root
from support.commands import DOCKER, run
from support.counting_proxy import CountingProxy, Exchange
from support.registry_process import registry_process

BUILD = """\
file(name="busybox", source="busybox")
file(name="text", source="text.txt")
file(name="arm-text", source="arm.txt")
oci_layer(name="texts", dependencies=[":text"])
oci_image(
    name="image",
    layers=[":texts"],
    dependencies=[":busybox"],
    entrypoint=["/web/busybox", "cat", "/web/text.txt"],
    platform=parametrize("linux/amd64", "linux/arm64"),
)
oci_image(name="armv7", layers=[":texts"], dependencies=[":arm-text"], platform="linux/arm/v7")
oci_index(
    name="index", images=[":armv7", ":image"], annotations={"org.opencontainers.image.title": "web"}
)
oci_index(name="two", images=[":image@platform=linux/arm64", ":armv7"])
oci_image(name="above", base=":image", dependencies=[":arm-text"], platform=parametrize("linux/amd64", "linux/arm64"))
oci_index(name="above-index", images=[":above"])
oci_push(name="push", image=":index", repository="shop/web", image_tags=["latest", "{digest}"])
oci_push(name="push-armv7", image=":armv7", repository="shop/armv7")
oci_push(name="several", image=":armv7", repository=parametrize(a="shop/a", b="shop/b"), skip_push=True)
"""
PLATFORMS = ("linux/amd64", "linux/arm/v7", "linux/arm64")
TEXT = "One text for all platforms.\n"


@dataclass(frozen=True)
class Publisher:
    root: BuildRoot
    registry: str
    proxy: CountingProxy

    @property
    def name(self) -> str:
        return f"{self.registry}/shop/web:latest"

    def publish(self, *arguments: str) -> tuple[Mapping[str, Any], tuple[Exchange, ...]]:
        """Publish, and return the rows of the report by repository and tag, and the requests."""
        registries = {"wire": {"address": self.proxy.address, "default": True}}
        self.proxy.take()
        self.root.pants(f"--oci-registries={registries!r}", "--oci-report=report.json", *arguments)
        rows = json.loads((self.root.path / "report.json").read_text())["references"]
        return {f"{row['repository']}:{row['tag']}": row for row in rows}, self.proxy.take()

    def tags(self) -> list[str]:
        listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{self.registry}/shop/web"))
        return [str(tag) for tag in listed["Tags"]]

    def raw(self, reference: str = "") -> bytes:
        return run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference or self.name}").encode()

    def children(self) -> dict[str, dict[str, Any]]:
        """The manifests of the published index, by platform."""
        children = {}
        for child in json.loads(self.raw())["manifests"]:
            platform = child["platform"]
            name = "/".join(filter(None, (platform["os"], platform["architecture"], platform.get("variant"))))
            data = self.raw(f"{self.registry}/shop/web@{child['digest']}")
            assert child["digest"] == digest_of(data)
            children[name] = {**json.loads(data), "digest": child["digest"]}
        return children


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def sent(exchanges: tuple[Exchange, ...]) -> list[str]:
    """The digests of the blobs that were uploaded."""
    return [exchange.completed_blob for exchange in exchanges if exchange.completed_blob]


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    folder = tmp_path_factory.mktemp("index")
    with empty_build_root() as root, registry_process(folder / "registry") as registry:
        root.write({"web/BUILD": BUILD, "web/text.txt": TEXT, "web/arm.txt": "For small computers.\n"})
        shutil.copy("/bin/busybox", root.path / "web/busybox")
        with CountingProxy(registry).running() as proxy:
            yield Publisher(root, registry, proxy)


@pytest.fixture(scope="module")
def first(publisher: Publisher) -> tuple[Mapping[str, Any], tuple[Exchange, ...]]:
    return publisher.publish("publish", "web::")


First = tuple[Mapping[str, Any], tuple[Exchange, ...]]


def test_images_are_dependencies_of_an_index(publisher: Publisher) -> None:
    def listed(*arguments: str) -> set[str]:
        return set(publisher.root.pants(*arguments).stdout.split())

    both = {"web:image@platform=linux/amd64", "web:image@platform=linux/arm64"}
    assert listed("dependencies", "web:index") == {"web:armv7", *both}
    assert listed("dependencies", "web:two") == {"web:armv7", "web:image@platform=linux/arm64"}
    assert listed("dependencies", "web:above@platform=linux/arm64") == {
        "web:image@platform=linux/arm64",
        "web:arm-text",
    }
    assert listed("dependencies", "web:push") == {"web:index"}
    assert {"web:index", "web:two", "web:push"} <= listed("dependents", "--transitive", "web:arm-text")


def test_the_published_index(publisher: Publisher, first: First) -> None:
    rows, exchanges = first
    raw = publisher.raw()
    schemas.validate(raw, schemas.INDEX)
    schemas.validate_officially(raw, schemas.INDEX)
    index, digest = json.loads(raw), digest_of(raw)
    assert index["annotations"] == {"org.opencontainers.image.title": "web"}
    assert rows["shop/web:latest"]["digest"] == digest
    assert {f"shop/web:{digest.partition(':')[2][:12]}", "shop/web:latest", "shop/armv7:latest"} == set(rows)

    children = publisher.children()
    assert tuple(children) == PLATFORMS
    added = {(layer["origin"], tuple(layer["platforms"])) for layer in rows["shop/web:latest"]["changes"]["added"]}
    assert added == {
        ("web:texts", PLATFORMS),
        ("web:busybox", ("linux/amd64", "linux/arm64")),
        ("web:arm-text", ("linux/arm/v7",)),
    }

    # All images share one text and one program; the registry mounts the blobs of the other push.
    blobs = {b["digest"] for child in children.values() for b in (child["config"], *child["layers"])}
    assert sorted(sent(exchanges)) == sorted(blobs)
    assert len(blobs) == 3 + 3
    puts = [e.path for e in exchanges if e.method == "PUT" and "/shop/web/manifests/" in e.path]
    by_digest = {f"/v2/shop/web/manifests/{child['digest']}" for child in children.values()}
    assert set(puts[:3]) == by_digest
    assert {path.rpartition("/")[2] for path in puts[-2:]} == set(publisher.tags())


def test_an_unchanged_tag_takes_one_request(publisher: Publisher, first: First) -> None:
    rows, exchanges = publisher.publish("publish", "web:push")
    assert {row["outcome"] for row in rows.values()} == {"unchanged"}
    assert [exchange.method for exchange in exchanges] == ["HEAD", "HEAD"]


def test_only_the_changed_platform_is_uploaded(publisher: Publisher, first: First) -> None:
    before = publisher.children()
    publisher.root.write({"web/arm.txt": "For small computers, and smaller ones.\n"})
    planned, exchanges = publisher.publish("--oci-dry-run", "publish", "web:push")
    assert {exchange.method for exchange in exchanges} == {"HEAD", "GET"}
    rows, exchanges = publisher.publish("publish", "web:push")
    after = publisher.children()
    assert {name for name in PLATFORMS if before[name] != after[name]} == {"linux/arm/v7"}
    old, new = before["linux/arm/v7"], after["linux/arm/v7"]
    (layer,) = [layer for layer in new["layers"] if layer not in old["layers"]]
    assert sorted(sent(exchanges)) == sorted([layer["digest"], new["config"]["digest"]])
    for row in (rows["shop/web:latest"], planned["shop/web:latest"]):
        changes = row["changes"]
        assert [(c["digest"], c["origin"], c["platforms"]) for c in changes["added"]] == [
            (layer["digest"], "web:arm-text", ["linux/arm/v7"])
        ]
        assert [c["platforms"] for c in changes["removed"]] == [["linux/arm/v7"]]
        assert changes["config"] is True
    assert rows["shop/web:latest"]["outcome"] == "pushed"


@pytest.mark.container
@pytest.mark.parametrize("platform", PLATFORMS)
def test_docker_and_podman_pull_the_image_of_their_platform(publisher: Publisher, first: First, platform: str) -> None:
    config = publisher.children()[platform]["config"]["digest"]
    run(DOCKER, "pull", "--quiet", f"--platform={platform}", publisher.name)
    try:
        assert run(DOCKER, "image", "inspect", "--format={{.Id}}", publisher.name).strip() == config
    finally:
        run(DOCKER, "image", "rm", "--force", publisher.name)
    pulled = run("podman", "pull", "--quiet", "--tls-verify=false", f"--platform={platform}", publisher.name).strip()
    try:
        assert f"sha256:{pulled}" == config
    finally:
        run("podman", "image", "rm", "--force", pulled)


@pytest.mark.container
def test_docker_runs_the_image_of_this_machine(publisher: Publisher, first: First) -> None:
    try:
        assert run(DOCKER, "run", "--rm", "--network=none", publisher.name) == TEXT
    finally:
        run(DOCKER, "image", "rm", "--force", publisher.name)


def test_package_writes_a_layout_with_every_image(publisher: Publisher, first: First) -> None:
    publisher.publish("publish", "web:push")
    publisher.root.pants("package", "web:index", "web:two", "web:above-index", "web:push", "web:several")
    dist = publisher.root.path / "dist/web"
    raw = publisher.raw()
    listed = json.loads((dist / "index/index.json").read_text())["manifests"]
    assert [(entry["digest"], entry["mediaType"]) for entry in listed] == [(digest_of(raw), schemas.INDEX)]
    assert json.loads((dist / "push.oci-push.json").read_text())["digest"] == digest_of(raw)
    for name in ("a", "b"):
        document = json.loads((dist / f"several@repository={name}.oci-push.json").read_text())
        assert document["references"] == [f"docker.io/shop/{name}:latest"]
    assert run("skopeo", "inspect", "--raw", f"oci:{dist / 'index'}").encode() == raw
    for platform, child in publisher.children().items():
        _, architecture, *variant = platform.split("/")
        choice = (f"--override-arch={architecture}", *(f"--override-variant={text}" for text in variant))
        config = run("skopeo", *choice, "inspect", "--config", "--raw", f"oci:{dist / 'index'}")
        assert digest_of(config.encode()) == child["config"]["digest"]
    for name, architectures in (("two", ["arm", "arm64"]), ("above-index", ["amd64", "arm64"])):
        index = json.loads(run("skopeo", "inspect", "--raw", f"oci:{dist / name}"))
        assert [child["platform"]["architecture"] for child in index["manifests"]] == architectures


@pytest.mark.container
def test_package_writes_an_archive_that_engines_load(publisher: Publisher, first: First, tmp_path: Path) -> None:
    publisher.root.pants("--oci-package-format=archive", "package", "web:index")
    archive = publisher.root.path / "dist/web/index.tar"
    assert run("skopeo", "inspect", "--raw", f"oci-archive:{archive}").encode() == publisher.raw()
    # Older engines load only the first image of an archive: the one for this machine.
    run(DOCKER, "load", "--quiet", f"--input={archive}")
    try:
        assert run(DOCKER, "run", "--rm", "--network=none", "web/index:latest") == TEXT
    finally:
        run(DOCKER, "image", "rm", "--force", "web/index:latest")

"""Reading bases, also from registries that misbehave."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocikit.errors import InvalidContent, NetworkError, NotFound, OcikitError, Unauthorized
from ocikit.sandbox.bases import run_base, run_base_layer, run_lock
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal
from ocikit.testing.images import LINUX

ARM = Platform("linux", "arm64")
CONTENT = random.Random(0).randbytes(200_000)
BLOB = gzip.compress(CONTENT, mtime=0)
LAYER = Descriptor(media_type.OCI_LAYER_GZIP, Digest.of(BLOB), len(BLOB))
DIFF_ID = str(Digest.of(CONTENT))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeRegistry]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with FakeRegistry() as running:
        yield running


def add_image(registry: FakeRegistry, platform: Platform = LINUX, tag: str | None = None) -> Manifest:
    registry.put_blob("base", BLOB)
    config = ImageConfig.of(platform, {}, (Digest.parse(DIFF_ID),), ()).data
    registry.put_blob("base", config)
    manifest = Manifest.of(Descriptor(media_type.OCI_CONFIG, Digest.of(config), len(config)), [LAYER])
    registry.put_manifest("base", manifest, tag)
    return manifest


def add_index(registry: FakeRegistry, *platforms: Platform, tag: str = "1") -> ImageIndex:
    entries = []
    for platform in platforms:
        image = add_image(registry, platform).descriptor
        entries.append(Descriptor(image.media_type, image.digest, image.size, platform=platform))
    attestation = Descriptor(media_type.OCI_MANIFEST, Digest.of(b""), 1, platform=Platform("unknown", "unknown"))
    index = ImageIndex.of([*entries, attestation])
    registry.put_manifest("base", index, tag)
    return index


def base(registry: FakeRegistry, digest: object, platform: str = "linux/amd64") -> None:
    run_base({"repository": f"{registry.address}/base", "digest": str(digest), "platform": platform})


def layer(registry: FakeRegistry, diff_id: str = DIFF_ID) -> None:
    run_base_layer({"repository": f"{registry.address}/base", "layer": LAYER.to_json(), "diff_id": diff_id})


def lock(registry: FakeRegistry, *, only_digests: bool = False, tag: str = "1") -> dict[str, Any]:
    reference = f"{registry.address}/base:{tag}"
    run_lock({"references": [reference], "only_digests": only_digests, "registries": {}})
    answer: dict[str, Any] = json.loads(Path("answer.json").read_text())[reference]
    return answer


def test_only_documents_are_read(registry: FakeRegistry) -> None:
    index = add_index(registry, LINUX, ARM)
    base(registry, index.descriptor.digest, "linux/arm64/v8")
    assert ImageConfig.parse(Path("config.json").read_bytes()).platform == ARM
    assert Digest.of(Path("manifest.json").read_bytes()) == index.manifests[1].digest
    assert registry.count(f"GET .*{LAYER.digest}") == 0


def test_a_layer_is_read_and_verified(registry: FakeRegistry) -> None:
    add_image(registry)
    layer(registry)
    assert Path("blobs/sha256", LAYER.digest.hex).read_bytes() == BLOB


def test_another_diff_id(registry: FakeRegistry) -> None:
    add_image(registry)
    with pytest.raises(InvalidContent, match=f"{LAYER.digest}: expected the diff ID sha256:000.*, got {DIFF_ID}"):
        layer(registry, f"sha256:{'0' * 64}")
    assert [path for path in Path("blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(b"?" * len(BLOB), id="not-gzip"),
        pytest.param(gzip.compress(CONTENT, 1, mtime=0)[: len(BLOB)].ljust(len(BLOB), b"\0"), id="gzip"),
        pytest.param(BLOB[:-1], id="short"),
        pytest.param(BLOB + b"\0", id="long"),
    ],
)
def test_another_blob(registry: FakeRegistry, found: bytes) -> None:
    registry.repositories["base"].blobs[str(LAYER.digest)] = found
    with pytest.raises(InvalidContent, match=f"^the layer {LAYER.digest}: expected [^:]*(bytes|sha256:.*), got"):
        layer(registry)
    assert [path for path in Path("blobs").rglob("*") if path.is_file()] == []


def test_a_download_that_ends_early_is_tried_again(registry: FakeRegistry) -> None:
    add_image(registry)
    registry.faults = Faults(disturbances=(Disturbance(f"GET .*{LAYER.digest}", Break.TRUNCATED, times=2),))
    layer(registry)
    assert Path("blobs/sha256", LAYER.digest.hex).read_bytes() == BLOB


def test_a_download_that_always_ends_early(registry: FakeRegistry) -> None:
    add_image(registry)
    registry.faults = Faults(disturbances=(Disturbance(f"GET .*{LAYER.digest}", Break.TRUNCATED, times=None),))
    with pytest.raises(NetworkError, match=f"GET http://{registry.address}/v2/base/blobs/{LAYER.digest}"):
        layer(registry)


def test_a_manifest_of_another_digest(registry: FakeRegistry) -> None:
    manifest = add_image(registry)
    digest = f"sha256:{'5' * 64}"
    registry.repositories["base"].manifests[digest] = (manifest.media_type, manifest.data)
    with pytest.raises(OcikitError, match=digest):
        base(registry, digest)


def test_a_missing_manifest(registry: FakeRegistry) -> None:
    add_image(registry)
    with pytest.raises(NotFound, match="404 MANIFEST_UNKNOWN"):
        base(registry, f"sha256:{'5' * 64}")


def test_a_missing_platform(registry: FakeRegistry) -> None:
    index = add_index(registry, LINUX, ARM)
    with pytest.raises(OcikitError, match=r'"linux/s390x"; available: linux/amd64, linux/arm64\.$'):
        base(registry, index.descriptor.digest, "linux/s390x")


def test_schema_1(registry: FakeRegistry) -> None:
    data = b'{"schemaVersion": 1, "name": "base", "tag": "1", "fsLayers": []}'
    kind = ("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
    registry.faults = Faults(refusals=(Refusal("manifests/", 200, headers=(kind,), body=data),))
    with pytest.raises(InvalidContent, match="schema version 1: only 2 is supported"):
        base(registry, Digest.of(data))
    assert "schema version 1" in lock(registry)["error"]


def test_a_registry_that_requires_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with FakeRegistry("basic") as registry, pytest.raises(Unauthorized, match=f"run `docker login {registry.address}`"):
        base(registry, add_image(registry).descriptor.digest)


def test_the_platforms_of_a_tag_are_read_unless_only_digests_are_requested(registry: FakeRegistry) -> None:
    index = add_index(registry, LINUX, ARM)
    digest, children = str(index.descriptor.digest), index.manifests
    assert lock(registry) == {
        "digest": digest,
        "platforms": {"linux/amd64": str(children[0].digest), "linux/arm64": str(children[1].digest)},
    }
    asked = len(registry.requests)
    assert lock(registry, only_digests=True) == {"digest": digest}
    assert [request.method for request in registry.requests[asked:]] == ["HEAD"]


def test_a_tag_of_one_image_is_for_its_platform(registry: FakeRegistry) -> None:
    digest = str(add_image(registry, ARM, "one").descriptor.digest)
    assert lock(registry, tag="one") == {"digest": digest, "platforms": {"linux/arm64": digest}}


def test_tags_that_do_not_resolve(registry: FakeRegistry) -> None:
    add_image(registry, LINUX, "1")
    assert lock(registry, tag="gone") == {"gone": True}
    registry.faults = Faults(refusals=(Refusal("HEAD", 403),))
    assert "403" in lock(registry)["error"]


def test_a_mirror_is_asked_first(registry: FakeRegistry) -> None:
    with FakeRegistry() as mirror:
        digest = str(add_image(mirror, LINUX, "1").descriptor.digest)
        reference = f"{registry.address}/base:1"
        registries = {registry.address: {"mirrors": [mirror.address]}}
        run_lock({"references": [reference], "only_digests": False, "registries": registries})
        assert json.loads(Path("answer.json").read_text())[reference]["digest"] == digest
        assert registry.requests == []

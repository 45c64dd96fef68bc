"""Wrong bases through the real goals. Messages name the target first, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults, Refusal
from ocikit.testing.images import LINUX
from support.base_images import ARM, add_image, add_index, layer_of
from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

OTHER = f"sha256:{'5' * 64}"
_SCHEMA_1 = b'{"schemaVersion": 1, "name": "base", "tag": "1", "fsLayers": []}'
_SCHEMA_1_TYPE = ("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
# More than is read together with the head of a response.
_LARGE = bytes(range(256)) * 1000


@dataclass(frozen=True)
class Case:
    """`make` puts an image into a repository and returns the digest to use, or None for its tag, `1`, as locked."""

    make: Callable[[FakeRegistry, str], object]
    parts: tuple[str, ...]
    platform: str = "linux/amd64"


def case(identity: str, make: Callable[[FakeRegistry, str], object], *parts: str, **others: str) -> object:
    return pytest.param(Case(make, parts, **others), id=identity)


def image(**fields: object) -> Callable[[FakeRegistry, str], object]:
    def make(registry: FakeRegistry, repository: str) -> object:
        return add_image(registry, repository, **fields).descriptor.digest  # type: ignore[arg-type]

    return make


def another_manifest(registry: FakeRegistry, repository: str) -> str:
    manifest = add_image(registry, repository)
    registry.repositories[repository].manifests[OTHER] = (manifest.media_type, manifest.data)
    return OTHER


def schema_1(registry: FakeRegistry, repository: str) -> Digest:
    refusal = Refusal(f"/{repository}/manifests/", 200, headers=(_SCHEMA_1_TYPE,), body=_SCHEMA_1)
    registry.faults = Faults(refusals=(refusal,))
    return Digest.of(_SCHEMA_1)


def another_layer(registry: FakeRegistry, repository: str) -> Digest:
    manifest = add_image(registry, repository)
    digest = manifest.layers[0].digest
    registry.repositories[repository].blobs[str(digest)] = layer_of(b"evil").data
    return manifest.descriptor.digest


def cut_short(registry: FakeRegistry, repository: str) -> Digest:
    manifest = add_image(registry, repository, _LARGE, kind=media_type.OCI_LAYER)
    cut = Disturbance(f"GET .*/{repository}/blobs/{manifest.layers[0].digest}", Break.TRUNCATED, times=None)
    registry.faults = Faults(disturbances=(cut,))
    return manifest.descriptor.digest


def index(registry: FakeRegistry, repository: str) -> Digest:
    return add_index(registry, repository, "1", {LINUX: b"1", ARM: b"2"})[0].descriptor.digest


def locked_index(registry: FakeRegistry, repository: str) -> None:
    index(registry, repository)


def gone(registry: FakeRegistry, repository: str) -> str:
    add_image(registry, repository)
    return OTHER


TABLE = [
    case("digest-that-another-has", another_manifest, OTHER, "{repository}"),
    case("digest-that-is-gone", gone, OTHER, "404", "MANIFEST_UNKNOWN", "{repository}"),
    case("another-architecture", image(platform=ARM), 'for platform "linux/amd64", got "linux/arm64"'),
    case(
        "foreign-layer",
        image(kind="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        "the layer sha256:",
        "foreign",
        "choose a base without such layers",
    ),
    case("schema-1", schema_1, "schema version 1: only 2 is supported"),
    case("layer-of-another-digest", another_layer, "the layer sha256:", "expected", "got"),
    case(
        "layer-of-another-diff-id", image(diff_id=Digest.parse(OTHER)), f"expected the diff ID {OTHER}", "got sha256:"
    ),
    case("download-cut-short", cut_short, "GET http://", "/blobs/sha256:"),
    case("platform-of-an-index", index, '"linux/s390x"; available: linux/amd64, linux/arm64', platform="linux/s390x"),
    case("unlocked", locked_index, "{repository}:1", "not in oci.lock", "pants oci-lock", "`digest`"),
]


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        root.write({"file.txt": "text\n"})
        yield root


def build_file(address: str, repository: str, digest: object, platform: str = "linux/amd64") -> str:
    pinned = f'digest="{digest}"' if digest else ""
    return (
        f'oci_base(name="base", image="{address}/{repository}:1", {pinned})\n'
        f'oci_image(name="image", base=":base", platform="{platform}")\n'
    )


def error_of(result: Result, target: str) -> str:
    """The error, which must start with the target."""
    assert result.exit_code == 1, result
    assert "Traceback" not in result.stdout + result.stderr, result
    _, found, text = result.stderr.partition(f"{target}: ")
    assert found, result
    return text.partition("\n\n")[0]


@pytest.mark.parametrize("row", TABLE)
def test_the_message_says_what_is_wrong(
    row: Case, registry: FakeRegistry, root: BuildRoot, request: pytest.FixtureRequest
) -> None:
    here = request.node.callspec.id
    registry.faults = Faults()
    digest = row.make(registry, here)
    root.write({f"{here}/BUILD": build_file(registry.address, here, digest, row.platform)})
    message = error_of(root.pants("package", f"{here}:image", check=False), f"{here}:base")
    for part in row.parts:
        assert part.replace("{repository}", f"{registry.address}/{here}") in message, message
    assert not Path(root.path / "dist" / here).exists()


def test_errors_about_the_lock_file(registry: FakeRegistry, root: BuildRoot) -> None:
    registry.faults = Faults()
    add_index(registry, "locked", "1", {LINUX: b"1", ARM: b"2"})
    root.write({"locked/BUILD": build_file(registry.address, "locked", None, "linux/s390x")})
    root.pants("oci-lock", "locked:base")
    text = (root.path / "oci.lock").read_text()
    message = error_of(root.pants("package", "locked:image", check=False), "locked:base")
    assert "oci.lock has no image of" in message
    assert 'for platform "linux/s390x"; available: linux/amd64, linux/arm64.' in message

    root.write({"locked/BUILD": build_file(registry.address, "locked", None)})
    root.write(
        {
            "oci.lock": "\n".join(
                line.rpartition(":")[0] + ":" + "5" * 64 for line in text.splitlines() if line[0] != "#"
            )
        }
    )
    message = error_of(root.pants("package", "locked:image", check=False), "locked:base")
    assert OTHER in message
    assert "404" in message
    assert "`pants oci-lock` looks up what the tag names now" in message

    root.write({"oci.lock": "<<<<<<< HEAD\n" + text})
    message = error_of(root.pants("package", "locked:image", check=False), "locked:base")
    assert "oci.lock, line 1: this is a merge conflict marker" in message
    (root.path / "oci.lock").unlink()


def test_a_registry_that_requires_credentials(root: BuildRoot, tmp_path: Path) -> None:
    with FakeRegistry("basic") as closed:
        digest = add_image(closed, "base").descriptor.digest
        root.write({"closed/BUILD": build_file(closed.address, "base", digest)})
        refused = root.pants("package", "closed:image", check=False)
        message = error_of(refused, "closed:base")
        assert "401" in message
        assert f"run `docker login {closed.address}`" in message

        # With credentials it works. The result is cached, and later runs need no credentials.
        (tmp_path / "config.json").write_text(
            f'{{"auths": {{"{closed.address}": {{"auth": "dXNlcjpwYXNzd29yZA=="}}}}}}'
        )
        root.pants("package", "closed:image", env={"DOCKER_CONFIG": str(tmp_path)})
        root.pants("package", "closed:image")

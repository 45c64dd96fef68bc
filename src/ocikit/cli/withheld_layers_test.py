"""Non-distributable layers: a manifest lists them, a registry need not have them, and commands never ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ocikit.cli.main import main
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest, parse_manifest
from ocikit.spec.media_type import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import LINUX

KINDS = (
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
)
# Two blocks of zeros: a tar without a file.
TAR = bytes(1024)
WITHHELD = b"a tar that only its maker may give away"


@dataclass(frozen=True)
class Place:
    """A registry with an image, and a server that the image's manifest names as the source of a layer."""

    registry: FakeRegistry
    maker: FakeRegistry

    @property
    def image(self) -> str:
        return f"{self.registry.address}/a:1"

    def add(self, kind: str, *, held: bool = False) -> Digest:
        config = ImageConfig.of(LINUX, {}, (Digest.of(TAR), Digest.of(WITHHELD)), ()).data
        url = f"{self.maker.url}/v2/maker/blobs/{self.maker.put_blob('maker', WITHHELD)}"
        layers = [described(OCI_LAYER, TAR), {**described(kind, WITHHELD), "urls": [url]}]
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described(OCI_CONFIG, config)}
        manifest = parse_manifest(json.dumps({**document, "layers": layers}).encode())
        for blob in (config, TAR, *([WITHHELD] if held else ())):
            self.registry.put_blob("a", blob)
        self.registry.put_manifest("a", manifest, "1")
        return manifest.descriptor.digest


def described(kind: str, data: bytes) -> dict[str, Any]:
    return Descriptor(kind, Digest.of(data), len(data)).to_json()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    with FakeRegistry() as registry, FakeRegistry() as maker:
        yield Place(registry, maker)
        assert (maker.connections, maker.requests) == (0, [])


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.mark.parametrize("held", [False, True], ids=["absent", "held"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_leaves_the_layer_out(kind: str, held: bool, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    digest = place.add(kind, held=held)
    left_out = f"left out the layer {Digest.of(WITHHELD)} ({len(WITHHELD)} B)"
    for source, destination in (
        (place.image, "oci:copied"),
        ("oci:copied", f"{place.registry.address}/b:1"),
        (place.image, f"{place.registry.address}/c:1"),
    ):
        code, out, err = run(capsys, "copy", source, destination)
        assert (code, out) == (0, f"{digest}\n")
        assert left_out in err
        assert kind in err
    for name in "bc":
        repository = place.registry.repositories[name]
        assert repository.tags == {"1": str(digest)}
        assert str(Digest.of(TAR)) in repository.blobs
        assert str(Digest.of(WITHHELD)) not in repository.blobs
    # The manifest is the same, byte for byte: engines find the address of the layer in it.
    copied = Layout("copied").fetch_manifest(str(digest))
    assert isinstance(copied, Manifest)
    assert b'"urls"' in copied.data
    assert run(capsys, "verify", "oci:copied")[:2] == (0, "oci:copied: ok\n")


def test_what_is_held_is_verified(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add(KINDS[0], held=True)
    assert run(capsys, "verify", place.image)[0] == 0
    place.registry.repositories["a"].blobs[str(Digest.of(WITHHELD))] = b"x"
    code, out, _ = run(capsys, "verify", place.image)
    assert code == 1
    assert f"layer {Digest.of(WITHHELD)}" in out


def test_a_missing_distributable_layer_is_a_problem(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add(KINDS[0])
    del place.registry.repositories["a"].blobs[str(Digest.of(TAR))]
    code, out, _ = run(capsys, "verify", place.image)
    assert code == 1
    assert f"layer {Digest.of(TAR)}" in out


@pytest.mark.parametrize("kind", KINDS)
def test_its_files_cannot_be_read(kind: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add(kind)
    assert run(capsys, "inspect", place.image)[0] == 0
    said = f'the files of the layer {Digest.of(WITHHELD)} cannot be read: it is not distributable ("{kind}")'
    code, _, err = run(capsys, "inspect", "--files=3", place.image)
    assert code == 1
    assert said in err
    assert run(capsys, "build", "-o", "oci:empty", "--layer", ".", "--compression=none")[0] == 0
    code, _, err = run(capsys, "diff", "oci:empty", place.image)
    assert code == 1
    assert said in err


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_built_on_it(kind: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.add(kind)
    code, _, err = run(capsys, "build", "-o", "oci:out", "--base", place.image)
    assert code == 1
    assert f'the layer {Digest.of(WITHHELD)} is not distributable ("{kind}")' in err
    assert "choose a base without such layers" in err
    assert not Path("out").exists()

"""Engines with fake command lines; tests/inspection has the real ones."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from ocikit.container_engine import Engine, engines
from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.spec.manifest import Manifest
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_layout


def pretend(folder: Path, kind: str, script: str) -> Engine:
    """Create an engine whose command line is a shell script; `calls` records the arguments of each call."""
    path = folder / kind
    path.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n{script}\n')
    path.chmod(0o755)
    return Engine(kind, str(path))


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_engines_are_found_on_the_path(tmp_path: Path) -> None:
    docker, podman = (pretend(tmp_path, kind, "") for kind in ("docker", "podman"))
    environ = {"PATH": str(tmp_path)}
    assert engines("auto", environ) == (docker, podman)
    assert engines("podman", environ) == (podman,)


def test_a_missing_engine_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f'expected "docker" or "podman" on the PATH \\({tmp_path}\\), found none'):
        engines("auto", {"PATH": str(tmp_path)})


def test_an_image_is_found_under_the_first_name_that_it_has(tmp_path: Path) -> None:
    script = 'case $5 in b) echo sha256:b;; *) echo "Error: No such image: $5" >&2; exit 1;; esac'
    engine = pretend(tmp_path, "docker", script)
    assert engine.find(["a", "b", "c"]) == "sha256:b"
    assert len(calls(tmp_path)) == 2
    assert engine.find(["a"]) is None


def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    engine = pretend(tmp_path, "docker", 'echo "Cannot connect to the Docker daemon." >&2; exit 1')
    with pytest.raises(OcikitError, match="docker does not answer: Cannot connect to the Docker daemon"):
        engine.find(["a"])


def test_an_engine_that_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "docker").write_bytes(b"\x7fno program")
    (tmp_path / "docker").chmod(0o755)
    (engine,) = engines("docker", {"PATH": str(tmp_path)})
    with pytest.raises(OcikitError, match=f'"{tmp_path}/docker" cannot be started: Exec format error'):
        engine.find(["a"])


@pytest.mark.parametrize(
    "kind, store, known",
    [
        pytest.param("docker", "overlay2", 2, id="docker"),
        pytest.param("docker", "io.containerd.snapshotter.v1", 0, id="containerd-needs-all"),
        pytest.param("podman", "overlay", 0, id="podman-reads-what-it-needs"),
    ],
)
def test_layers_that_need_not_be_loaded(tmp_path: Path, kind: str, store: str, known: int) -> None:
    script = f"""case $1-$2 in
        image-ls) echo one; echo two;;
        image-inspect) echo '["a", "x"]'; echo null; echo '["a", "b", "x"]'; echo '["z"]';;
        info-*) echo '[["driver-type", "{store}"]]';;
    esac"""
    assert pretend(tmp_path, kind, script).known_layers(["a", "b", "c"]) == known


def test_an_engine_without_images_knows_no_layers(tmp_path: Path) -> None:
    assert pretend(tmp_path, "docker", "").known_layers(["a"]) == 0
    assert len(calls(tmp_path)) == 1


def loaded(folder: Path) -> set[str]:
    with tarfile.open(fileobj=BytesIO((folder / "input").read_bytes())) as tar:
        return {name for name in tar.getnames() if name.startswith("blobs/sha256/")}


def test_layers_that_docker_has_are_left_out(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"text"})
    engine = pretend(tmp_path, "docker", f"cat > {tmp_path}/input")
    engine.load(str(tmp_path / "l"), digest, "shop/web:latest")
    everything = loaded(tmp_path)
    manifest = Layout(tmp_path / "l").fetch_manifest(str(digest))
    assert isinstance(manifest, Manifest)
    layer = manifest.layers[0].digest
    Path(Layout(tmp_path / "l").blob_path(layer)).unlink()
    engine.load(str(tmp_path / "l"), digest, "shop/web:latest", frozenset([layer]))
    assert everything - loaded(tmp_path) == {f"blobs/sha256/{layer.hex}"}


def test_podman_reads_the_layout(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"text"})
    pretend(tmp_path, "podman", "").load("l", digest, "l:latest")
    assert calls(tmp_path) == ["load --quiet --input l"]


def test_a_remote_podman_gets_a_tar(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"text"})
    script = f'[ "$3" != --input ] && cat > {tmp_path}/input'
    pretend(tmp_path, "podman", script).load(str(tmp_path / "l"), digest, "l:latest")
    assert f"blobs/sha256/{digest.hex}" in loaded(tmp_path)


@pytest.mark.parametrize("script", ["cat >/dev/null; echo disk full >&2; exit 1", "echo disk full >&2; exit 1"])
def test_a_load_that_fails_says_why(tmp_path: Path, script: str) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"x" * 2_000_000})
    with pytest.raises(OcikitError, match="docker did not load the image: disk full"):
        pretend(tmp_path, "docker", script).load(str(tmp_path / "l"), digest, "l:latest")


def test_a_layout_that_is_damaged_stops_the_engine(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", {"a": b"x" * 2_000_000})
    manifest = Layout(tmp_path / "l").fetch_manifest(str(digest))
    assert isinstance(manifest, Manifest)
    with open(Layout(tmp_path / "l").blob_path(manifest.layers[0].digest), "r+b") as blob:
        blob.truncate(1_500_000)
    engine = pretend(tmp_path, "docker", f"cat >/dev/null && touch {tmp_path}/loaded")
    with pytest.raises(InvalidContent, match="expected 2"):
        engine.load(str(tmp_path / "l"), digest, "l:latest")
    assert not (tmp_path / "loaded").exists()

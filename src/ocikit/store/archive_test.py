from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ocikit.errors import InvalidContent, InvalidInput, NotFound
from ocikit.layer.compression import Compression
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.media_type import OCI_CONFIG
from ocikit.store.archive import write_archive
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_index, tiny_layout

FILES = {"app/hello": b"hello\n"}


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member)
            if stream:
                found[member.name] = stream.read()
    return found


def write(tmp_path: Path, digest: Digest, name: Any, output: str = "image.tar") -> Path:
    write_archive(str(tmp_path / "l"), digest, name, str(tmp_path / output))
    return tmp_path / output


def test_an_archive_is_a_layout_plus_dockers_manifest(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", FILES, "other")
    tiny_layout(tmp_path / "l", {"a": b"not in the archive"}, "latest")
    found = contents(write(tmp_path, digest, "shop/web:1.4"))
    (entry,) = json.loads(found["index.json"])["manifests"]
    assert entry["digest"] == str(digest)
    assert entry["annotations"] == {
        "org.opencontainers.image.ref.name": "1.4",
        "io.containerd.image.name": "docker.io/shop/web:1.4",
    }
    (docker,) = json.loads(found["manifest.json"])
    assert docker["RepoTags"] == ["docker.io/shop/web:1.4"]
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    blobs = {name for name in found if name.startswith("blobs/sha256/")}
    assert blobs == {f"blobs/sha256/{digest.hex}", docker["Config"], *docker["Layers"]}
    for name in blobs:
        assert Digest.of(found[name]).hex == name.rpartition("/")[2]


@pytest.mark.parametrize("held", [False, True])
def test_an_image_with_a_layer_that_is_not_distributable_is_refused(held: bool, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    config, layer = (
        Descriptor(kind, Digest.of(data), len(data))
        for kind, data in ((OCI_CONFIG, b"{}"), ("application/vnd.oci.image.layer.nondistributable.v1.tar", b"x"))
    )
    layout.push_blob(config, lambda: BytesIO(b"{}"))
    if held:
        layout.push_blob(layer, lambda: BytesIO(b"x"))
    manifest = Manifest.of(config, [layer])
    layout.push_manifest(manifest, "1")
    with pytest.raises(InvalidInput, match=f"its layer {layer.digest} is not distributable .*nondistributable"):
        write(tmp_path, manifest.descriptor.digest, "shop/web")
    assert not (tmp_path / "image.tar").exists()


def test_an_unpacked_archive_is_a_valid_layout(tmp_path: Path) -> None:
    digest = tiny_index(tmp_path / "l", FILES)
    for name, content in contents(write(tmp_path, digest, "shop/web")).items():
        target = tmp_path / "unpacked" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    layout = Layout(tmp_path / "unpacked")
    layout.verify()
    assert layout.tags() == ("latest",)
    assert layout.resolve("latest") == Layout(tmp_path / "l").resolve("latest")


def test_docker_loads_the_first_image_of_an_index(tmp_path: Path) -> None:
    digest = tiny_index(tmp_path / "l", FILES)
    found = contents(write(tmp_path, digest, "shop/web"))
    (docker,) = json.loads(found["manifest.json"])
    assert json.loads(found[docker["Config"]])["architecture"] == "amd64"
    assert sum(1 for data in found.values() if b'"architecture":"arm64"' in data) == 2


def test_equal_images_give_equal_archives(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", FILES)
    first, second = (write(tmp_path, digest, "a/b:c", name).read_bytes() for name in "12")
    assert first == second


def test_an_archive_without_a_name(tmp_path: Path) -> None:
    found = contents(write(tmp_path, tiny_layout(tmp_path / "l", FILES), None))
    assert json.loads(found["manifest.json"])[0]["RepoTags"] == []
    assert "annotations" not in json.loads(found["index.json"])["manifests"][0]


def test_missing_misnamed_and_damaged_images_are_refused(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", FILES)
    with pytest.raises(NotFound, match="no manifest"):
        write(tmp_path, Digest.of(b"other"), None)
    with pytest.raises(InvalidInput, match="expected a tag, got a digest"):
        write(tmp_path, digest, f"shop/web@{digest}")
    layout = Layout(tmp_path / "l")
    (config,) = json.loads(contents(write(tmp_path, digest, None))["manifest.json"])
    (tmp_path / "l" / config["Layers"][0]).write_bytes(b"")
    with pytest.raises(InvalidContent, match="expected [0-9]+ bytes, got 0"):
        write(tmp_path, digest, None, "damaged.tar")
    assert not (tmp_path / "damaged.tar").exists()
    assert layout.resolve("latest")


@pytest.mark.skipif(not shutil.which("skopeo"), reason="not installed: skopeo")
@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_skopeo_reads_the_archive(transport: str, compression: str, tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", FILES, compression=Compression.parse(compression))
    path = write(tmp_path, digest, "shop/web:1.4")
    # Docker's manifest differs from OCI's, so only the layout keeps its digest.
    options = ["-q", "--preserve-digests"] if transport == "oci-archive" else ["-q"]
    command = ["skopeo", "--insecure-policy", "copy", *options, f"{transport}:{path}"]
    done = subprocess.run([*command, f"oci:{tmp_path}/copy:x"], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    copied = Layout(tmp_path / "copy")
    copied.verify()
    if transport == "oci-archive":
        resolved = copied.resolve("x")
        assert resolved and resolved.digest == digest

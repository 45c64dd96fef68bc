"""Every digest algorithm, in every place of an image that has a digest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ocikit.cli.main import main
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import REF_NAME
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import LINUX, tiny_layout


def make(manifest_by: str, config_by: str, layer_by: str, diff_id_by: str, *, in_index: bool) -> None:
    """Write the image of the layout "plain" to the layout "made", with digests of these algorithms."""
    plain, made = Layout("plain"), Path("made")

    def put(data: bytes, algorithm: str, media_type: str) -> Descriptor:
        digest = Digest.of(data, algorithm)
        path = made / "blobs" / algorithm / digest.hex
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return Descriptor(media_type, digest, len(data))

    manifest = plain.fetch_manifest("v1")
    assert isinstance(manifest, Manifest)
    (layer,) = manifest.layers
    content = Path(plain.blob_path(layer.digest)).read_bytes()
    config = json.loads(Path(plain.blob_path(manifest.config.digest)).read_bytes())
    config["rootfs"]["diff_ids"] = [str(Digest.of(content, diff_id_by))]
    image = Manifest.of(
        put(json.dumps(config).encode(), config_by, manifest.config.media_type),
        [put(content, layer_by, layer.media_type)],
    )
    named = put(image.data, manifest_by, image.media_type)
    if in_index:
        index = ImageIndex.of([replace(named, platform=LINUX)])
        named = put(index.data, manifest_by, index.media_type)
    (made / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (made / "index.json").write_bytes(ImageIndex.of([named.annotated(**{REF_NAME: "v1"})]).data)


@pytest.mark.parametrize(
    "manifest_by, config_by, layer_by, diff_id_by",
    [
        pytest.param("sha512", "sha512", "sha512", "sha512", id="all"),
        pytest.param("sha512", "sha256", "sha256", "sha256", id="manifest"),
        pytest.param("sha256", "sha512", "sha256", "sha256", id="config"),
        pytest.param("sha256", "sha256", "sha512", "sha256", id="layer"),
        pytest.param("sha256", "sha256", "sha256", "sha512", id="diff-id"),
    ],
)
@pytest.mark.parametrize("in_index", [False, True], ids=["image", "index"])
def test_each_algorithm_in_each_place(
    manifest_by: str,
    config_by: str,
    layer_by: str,
    diff_id_by: str,
    in_index: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_layout("plain", {"a": b"aaa"}, "v1")
    make(manifest_by, config_by, layer_by, diff_id_by, in_index=in_index)
    with FakeRegistry() as registry:
        there = f"{registry.address}/a:v1"
        for command in (
            ("verify", "oci:made"),
            ("inspect", "oci:made:v1", "--files", "3"),
            ("diff", "oci:plain:v1", "oci:made:v1"),
            ("copy", "oci:made:v1", "oci:copied:v1"),
            ("verify", "oci:copied"),
            ("push", "made:v1", there),
            ("verify", there),
            ("copy", there, "oci:pulled:v1"),
            ("verify", "oci:pulled"),
            ("build", "-o", "oci:built:v1", "--base", "oci:made:v1", "--layer", "plain=/x", "--compression", "none"),
            ("verify", "oci:built"),
        ):
            assert main(command) == 0, command

from __future__ import annotations

import pytest

from ocikit.bases.docker_save import SavedImage, saved_config, saved_images
from ocikit.errors import InvalidContent
from ocikit.spec.config import ImageConfig
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform

CONFIG = ImageConfig.of(Platform("linux", "amd64"), {}, (Digest.of(b"layer"),), ()).data
ID = Digest.of(CONFIG).hex


def test_what_docker_writes() -> None:
    data = b'[{"Config":"c.json","RepoTags":["web:1","web:2"],"Layers":["x/layer.tar"]},{"Config":"d","RepoTags":null}]'
    assert saved_images(data) == (
        SavedImage("c.json", ("x/layer.tar",), ("web:1", "web:2")),
        SavedImage("d", (), ()),
    )


@pytest.mark.parametrize(
    "data, text",
    [
        pytest.param(b"{}", "manifest.json is not a JSON array but dict", id="object"),
        pytest.param(b"[", "manifest.json is not JSON", id="cut"),
        pytest.param(b"[1]", "is not an image: expected an object, got 1", id="number"),
        pytest.param(b'[{"Layers":[]}]', '"Config"', id="no-config"),
        pytest.param(b'[{"Config":"c","Layers":[1]}]', r'expected text in "Layers\[0\]"', id="layers"),
        pytest.param(b'[{"Config":"c","RepoTags":"a"}]', 'expected a list in "RepoTags"', id="names"),
    ],
)
def test_invalid_tables_of_contents(data: bytes, text: str) -> None:
    with pytest.raises(InvalidContent, match=text):
        saved_images(data)


@pytest.mark.parametrize("path", [f"{ID}.json", f"blobs/sha256/{ID}", f"sha256:{ID}", "config.json"])
def test_a_config_under_its_name(path: str) -> None:
    assert saved_config(SavedImage(path, ("layer.tar",)), CONFIG).data == CONFIG


@pytest.mark.parametrize("path", [f"{'0' * 64}.json", f"blobs/sha256/{'0' * 64}", f"sha256:{'0' * 64}"])
def test_a_config_under_anothers_name(path: str) -> None:
    with pytest.raises(InvalidContent, match=f"corrupt: its content has the digest sha256:{ID}"):
        saved_config(SavedImage(path, ("layer.tar",)), CONFIG)


def test_as_many_layers_as_diff_ids() -> None:
    with pytest.raises(InvalidContent, match="has 2 layers, the config 1 diff IDs"):
        saved_config(SavedImage("c", ("a", "b")), CONFIG)

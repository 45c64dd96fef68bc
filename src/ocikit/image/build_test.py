from __future__ import annotations

import json
from typing import Any

import pytest

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.image.build import MAX_LAYERS, Image, build_image
from ocikit.layer.layer import Layer
from ocikit.spec import media_type
from ocikit.spec.config import EPOCH, ContainerSettings, History, ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.platform import Platform

AMD = Platform("linux", "amd64")


def _layer(name: str) -> Layer:
    blob = name.encode()
    return Layer(
        Descriptor(media_type.OCI_LAYER_GZIP, Digest.of(blob), len(blob), {"from": name}),
        Digest.of(b"tar of " + blob),
        History(name),
    )


def _image(*names: str, base: Image | None = None, platform: Platform = AMD) -> Image:
    return build_image(
        base=base,
        layers=[_layer(name) for name in names],
        settings=ContainerSettings(env={"N": "-".join(names)}),
        platform=platform,
        annotations={"names": "-".join(names)},
    )


def _foreign(config: dict[str, Any], layer_type: str, layers: int) -> Image:
    """An image by another tool, with Docker's media types."""
    document = {"architecture": "amd64", "os": "linux", **config}
    data = json.dumps(document).encode()
    descriptor = Descriptor(media_type.DOCKER_CONFIG, Digest.of(data), len(data))
    blobs = [Descriptor(layer_type, Digest.of(bytes([n])), n, {"n": "n"}) for n in range(layers)]
    return Image(Manifest.of(descriptor, blobs), ImageConfig.parse(data))


def test_an_image_without_a_base() -> None:
    image = _image("a", "b")
    assert [layer.digest for layer in image.manifest.layers] == [Digest.of(b"a"), Digest.of(b"b")]
    assert image.config.diff_ids == (Digest.of(b"tar of a"), Digest.of(b"tar of b"))
    assert [line["created_by"] for line in image.config.history] == ["a", "b"]
    assert image.config.document["created"] == EPOCH
    assert image.manifest.annotations == {"names": "a-b"}
    assert image.manifest.config == Descriptor(
        media_type.OCI_CONFIG, Digest.of(image.config.data), len(image.config.data)
    )
    assert (image.platform, image.digest) == (AMD, Digest.of(image.manifest.data))


def test_an_image_on_a_base() -> None:
    base = _image("a")
    image = _image("b", base=base)
    assert image.manifest.layers[0].plain() == base.manifest.layers[0].plain()
    assert image.config.diff_ids == (*base.config.diff_ids, Digest.of(b"tar of b"))
    assert image.config.container["Env"] == ("N=b",)
    assert image.manifest.annotations == {"names": "b"}


def test_equal_arguments_give_an_equal_image() -> None:
    assert _image("b", base=_image("a")) == _image("b", base=_image("a"))
    assert _image("b", "a").digest != _image("a", "b").digest


def test_an_image_without_layers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the image is empty"):
        _image()


def test_layers_of_docker_get_oci_media_types() -> None:
    image = _image(
        "a",
        base=_foreign({"rootfs": {"diff_ids": [str(Digest.of(b""))]}}, media_type.DOCKER_LAYER_GZIP, 1),
    )
    assert {layer.media_type for layer in image.manifest.layers} == {media_type.OCI_LAYER_GZIP}
    assert image.manifest.layers[0].annotations == {}


@pytest.mark.parametrize(
    "history, lines",
    [
        pytest.param(None, ["unknown", "unknown", "a"], id="none"),
        pytest.param([{"created_by": "x"}], ["x", "unknown", "a"], id="one-short"),
        pytest.param(
            [{"created_by": "x"}, {"created_by": "e", "empty_layer": True}, {"created_by": "y"}],
            ["x", "e", "y", "a"],
            id="empty-layers-do-not-count",
        ),
    ],
)
def test_the_history_has_an_entry_for_each_layer(history: Any, lines: Any) -> None:
    diff_ids = [str(Digest.of(b"1")), str(Digest.of(b"2"))]
    config = {"history": history, "rootfs": {"diff_ids": diff_ids}}
    image = _image("a", base=_foreign(config, media_type.OCI_LAYER, 2))
    assert [line["created_by"] for line in image.config.history] == lines


def test_the_variant_of_the_base_is_kept() -> None:
    base = _image("a", platform=Platform("linux", "arm64", "v8"))
    assert _image("b", base=base, platform=Platform("linux", "arm64")).platform.variant == "v8"


def test_a_base_for_another_platform_is_refused() -> None:
    with pytest.raises(InvalidInput, match='"linux/amd64", got "linux/arm64"'):
        _image("b", base=_image("a", platform=Platform("linux", "arm64")))


def test_more_layers_than_engines_mount_are_refused() -> None:
    base = _image(*map(str, range(MAX_LAYERS)))
    assert _image(base=base).manifest.layers
    with pytest.raises(InvalidInput, match="128 layers are more than the 127"):
        _image("one more", base=base)


def test_config_and_manifest_must_belong_together() -> None:
    one, other = _image("a"), _image("b")
    with pytest.raises(InvalidContent, match="the manifest's config: expected sha256:"):
        Image(one.manifest, other.config)
    with pytest.raises(InvalidContent, match="0 layers, the config 1 diff IDs"):
        Image(Manifest.of(one.manifest.config, ()), one.config)


def test_a_config_named_by_sha512() -> None:
    one = _image("a")
    digest = Digest.of(one.config.data, "sha512")
    named = Descriptor(media_type.OCI_CONFIG, digest, len(one.config.data))
    assert Image(Manifest.of(named, one.manifest.layers), one.config).config == one.config

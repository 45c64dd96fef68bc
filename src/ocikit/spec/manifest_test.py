from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.spec.platform import Platform
from ocikit.testing.strategies import damaged, json_values

CONFIG = Descriptor(media_type.OCI_CONFIG, Digest.of(b"{}"), 2)
LAYERS = tuple(Descriptor(media_type.OCI_LAYER_GZIP, Digest.of(data), 1) for data in (b"low", b"high"))
ANNOTATIONS = {"org.opencontainers.image.title": "it"}
MANIFEST = Manifest.of(CONFIG, LAYERS, ANNOTATIONS)
ARM = Platform("linux", "arm64")
CHILDREN = (
    Descriptor(media_type.OCI_MANIFEST, Digest.of(b"1"), 1, platform=Platform("linux", "amd64")),
    Descriptor(media_type.OCI_MANIFEST, Digest.of(b"2"), 1, platform=ARM),
    Descriptor(media_type.OCI_MANIFEST, Digest.of(b"3"), 1),
)
INDEX = ImageIndex.of(CHILDREN, ANNOTATIONS)
DOCKER = {
    "schemaVersion": 2,
    "mediaType": media_type.DOCKER_MANIFEST,
    "config": {"mediaType": media_type.DOCKER_CONFIG, "digest": str(CONFIG.digest), "size": 2},
    "layers": [],
}


def _data(document: Any) -> bytes:
    return json.dumps(document, indent=3).encode()


@pytest.mark.parametrize("declared", [None, media_type.OCI_MANIFEST])
def test_a_manifest_read_again(declared: str | None) -> None:
    read = parse_manifest(MANIFEST.data, declared)
    assert read == MANIFEST
    assert isinstance(read, Manifest)
    assert (read.config, read.layers, read.annotations) == (CONFIG, LAYERS, ANNOTATIONS)
    assert read.blobs == (*LAYERS, CONFIG)
    assert read.descriptor.digest == Digest.of(MANIFEST.data)


@pytest.mark.parametrize(
    "kind, distributable",
    [
        (media_type.OCI_LAYER, True),
        (media_type.OCI_LAYER_ZSTD, True),
        (media_type.DOCKER_LAYER_GZIP, True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", False),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", False),
        ("application/x.foreign.diff.tar", True),
    ],
)
def test_layers_that_are_not_distributable_are_not_needed(kind: str, distributable: bool) -> None:
    layer = Descriptor(kind, Digest.of(b"x"), 1)
    manifest = Manifest.of(CONFIG, (layer, *LAYERS))
    assert manifest.withheld == (() if distributable else (layer,))
    assert manifest.blobs == ((layer,) if distributable else ()) + (*LAYERS, CONFIG)


@pytest.mark.parametrize("declared", [None, media_type.OCI_INDEX])
def test_an_index_read_again(declared: str | None) -> None:
    read = parse_manifest(INDEX.data, declared)
    assert read == INDEX
    assert isinstance(read, ImageIndex)
    assert (read.manifests, read.annotations) == (CHILDREN, ANNOTATIONS)


def test_the_bytes_are_kept() -> None:
    data = _data(DOCKER)
    manifest = parse_manifest(data)
    assert manifest.data == data
    assert manifest.descriptor == Descriptor(media_type.DOCKER_MANIFEST, Digest.of(data), len(data))


@pytest.mark.parametrize(
    "document, declared, kind",
    [
        pytest.param({"manifests": []}, None, media_type.OCI_INDEX, id="index-guessed"),
        pytest.param(
            {"manifests": []},
            media_type.DOCKER_MANIFEST_LIST,
            media_type.DOCKER_MANIFEST_LIST,
            id="index-declared",
        ),
        pytest.param(
            {"config": CONFIG.to_json(), "layers": []},
            None,
            media_type.OCI_MANIFEST,
            id="manifest-guessed",
        ),
        pytest.param(DOCKER, None, media_type.DOCKER_MANIFEST, id="docker-in-the-document"),
    ],
)
def test_media_type(document: dict[str, Any], declared: str | None, kind: str) -> None:
    assert parse_manifest(_data({"schemaVersion": 2, **document}), declared).media_type == kind


@pytest.mark.parametrize(
    "change, declared, reason",
    [
        pytest.param({"schemaVersion": 1}, None, "schema version 1", id="schema-1"),
        pytest.param({"schemaVersion": "2"}, None, "schema version '2'", id="schema-text"),
        pytest.param(
            {}, media_type.OCI_MANIFEST, f'expected media type "{media_type.OCI_MANIFEST}"', id="declared-otherwise"
        ),
        pytest.param({"mediaType": "a/b"}, None, '"a/b" is neither', id="another-kind"),
        pytest.param({"mediaType": [1]}, None, 'expected text in "mediaType"', id="media-type-list"),
        pytest.param({"manifests": []}, None, "also an index", id="both"),
        pytest.param({"layers": {}}, None, 'expected a list in "layers"', id="layers"),
        pytest.param({"layers": [1]}, None, 'expected an object in "layers[0]"', id="layer"),
        pytest.param({"config": None}, None, "not a descriptor", id="config"),
        pytest.param({"annotations": [1]}, None, 'expected an object in "annotations"', id="annotations"),
        pytest.param({"annotations": {"a": 1}}, None, 'expected text in "annotations.a"', id="annotation-number"),
    ],
)
def test_parse_refuses(change: dict[str, Any], declared: str | None, reason: str) -> None:
    with pytest.raises(InvalidContent) as error:
        parse_manifest(_data({**DOCKER, **change}), declared)
    assert reason in str(error.value)


@pytest.mark.parametrize("key", ["layers", "config"])
def test_an_index_with_parts_of_a_manifest_is_refused(key: str) -> None:
    document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [], key: []}
    with pytest.raises(InvalidContent, match="also an index"):
        parse_manifest(_data(document))


def test_select() -> None:
    assert INDEX.select(Platform("linux", "arm64", "v8")) == CHILDREN[1]
    with pytest.raises(InvalidInput, match='"linux/s390x"; available: linux/amd64, linux/arm64'):
        INDEX.select(Platform("linux", "s390x"))
    with pytest.raises(InvalidInput, match="available: none"):
        ImageIndex.of(()).select(ARM)


@pytest.mark.parametrize("value", [MANIFEST, INDEX, parse_manifest(INDEX.data)])
def test_annotations_cannot_be_changed(value: Any) -> None:
    with pytest.raises(TypeError):
        value.annotations["a"] = "b"
    hash(value)


@given(json_values() | damaged(json.loads(MANIFEST.data)) | damaged(json.loads(INDEX.data)))
def test_any_json_is_a_manifest_or_invalid_content(document: Any) -> None:
    data = _data(document)
    try:
        manifest = parse_manifest(data)
    except InvalidContent:
        return
    assert parse_manifest(data, manifest.media_type) == manifest

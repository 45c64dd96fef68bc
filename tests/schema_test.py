"""Every config, manifest, index and layout that ocikit writes is valid by image-spec."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from ocikit.image.build import Image, build_image
from ocikit.layer.layer import Layer
from ocikit.spec import container_settings, media_type
from ocikit.spec.config import ContainerSettings, Healthcheck, History
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex
from ocikit.spec.platform import Platform
from ocikit.testing.images import tiny_index

LAYER = Layer(
    Descriptor(media_type.OCI_LAYER_ZSTD, Digest.of(b"blob"), 4, {"a": "b"}),
    Digest.of(b"tar"),
    History("it", comment="why"),
)
# Healthcheck keys are Docker's; the rest is in config.md#properties.
WHOLE = ContainerSettings(
    entrypoint=("/app",),
    args=("-v",),
    env={"A": "b=c", "E": ""},
    workdir="/srv",
    user="1000:1000",
    ports=container_settings.parse_port("8000-8001/udp"),
    volumes=("/data",),
    labels={"a": "b"},
    stop_signal="SIGRTMIN+3",
    healthcheck=Healthcheck(("CMD", "/ok"), 1, 2, 3, 4),
)


def _image(container: ContainerSettings, layers: int = 1, annotations: Mapping[str, str] | None = None) -> Image:
    return build_image(
        base=None,
        layers=[LAYER] * layers,
        settings=container,
        platform=Platform("linux", "arm", "v7"),
        annotations=annotations or {},
    )


def _check_document(document: bytes, media_type: str) -> None:
    schemas.validate(document, media_type)
    schemas.validate_officially(document, media_type)


def _check(image: Image) -> None:
    _check_document(image.config.data, image.manifest.config.media_type)
    _check_document(image.manifest.data, image.manifest.media_type)


@pytest.mark.parametrize(
    "container",
    [
        pytest.param(ContainerSettings(), id="nothing-set"),
        pytest.param(WHOLE, id="everything-set"),
        pytest.param(ContainerSettings(entrypoint=(), args=()), id="empty-commands"),
        pytest.param(
            ContainerSettings(healthcheck=container_settings.parse_healthcheck({"test": "NONE"})),
            id="no-healthcheck",
        ),
    ],
)
def test_an_image(container: ContainerSettings) -> None:
    image = _image(container, layers=2, annotations={"title": "it"})
    _check(image)
    on_top = build_image(
        base=image,
        layers=[LAYER],
        settings=container,
        platform=image.platform,
        annotations={},
    )
    _check(on_top)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_NAMES = _TEXTS.filter(str.strip)
_TUPLES = st.lists(_TEXTS, max_size=3).map(tuple)
_CONTAINERS = st.builds(
    ContainerSettings,
    entrypoint=st.none() | _TUPLES,
    args=st.none() | _TUPLES,
    env=st.dictionaries(_NAMES.filter(lambda name: "=" not in name), _TEXTS, max_size=3),
    workdir=st.none() | _TEXTS.map(lambda text: f"/{text}"),
    volumes=st.lists(_TEXTS.map(lambda text: f"/{text}"), max_size=2).map(tuple),
    labels=st.dictionaries(_NAMES, _TEXTS, max_size=3),
)


@given(_CONTAINERS, st.dictionaries(_NAMES, _TEXTS, max_size=3))
def test_an_image_with_wild_settings(container: ContainerSettings, annotations: dict[str, str]) -> None:
    container_settings.parse_env(container.env)
    container_settings.parse_labels(container.labels)
    _check(_image(container, annotations=annotations))


@pytest.mark.parametrize("children", [0, 2])
def test_an_index(children: int) -> None:
    manifest = _image(WHOLE).manifest.descriptor
    named = Descriptor(manifest.media_type, manifest.digest, manifest.size, platform=Platform("linux", "amd64"))
    index = ImageIndex.of([named] * children, {"a": "b"} if children else None)
    _check_document(index.data, index.media_type)


def test_a_layout(tmp_path: Path) -> None:
    tiny_index(tmp_path / "layout", {"hello.txt": b"hello"}, "latest")
    index = (tmp_path / "layout" / "index.json").read_bytes()
    _check_document(index, schemas.INDEX)
    _check_document((tmp_path / "layout" / "oci-layout").read_bytes(), schemas.LAYOUT)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        found
        for key, item in items
        for found in (
            (*path, key),
            *(_paths(item, (*path, key)) if isinstance(item, (dict, list)) else ()),
        )
    ]


@pytest.mark.parametrize(
    "data, kind",
    [
        pytest.param(_image(WHOLE).manifest.data, schemas.MANIFEST, id="manifest"),
        pytest.param(_image(WHOLE).config.data, schemas.CONFIG, id="config"),
    ],
)
def test_the_schemas_notice_any_member_of_the_wrong_type(data: bytes, kind: str) -> None:
    for path in _paths(json.loads(data)):
        document = json.loads(data)
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = 1.5
        with pytest.raises(jsonschema.ValidationError):
            schemas.validate(json.dumps(document).encode(), kind)


@pytest.mark.parametrize(
    "data, kind, path",
    [
        pytest.param(_image(WHOLE).manifest.data, schemas.MANIFEST, ("layers", 0, "digest"), id="manifest"),
        pytest.param(_image(WHOLE).config.data, schemas.CONFIG, ("rootfs", "diff_ids"), id="config"),
        pytest.param(ImageIndex.of([], None).data, schemas.INDEX, ("manifests",), id="index"),
        pytest.param(b'{"imageLayoutVersion":"1.0.0"}', schemas.LAYOUT, ("imageLayoutVersion",), id="layout"),
    ],
)
def test_the_official_schemas_are_used(data: bytes, kind: str, path: tuple[Any, ...]) -> None:
    schemas.validate_officially(data, kind)
    document = json.loads(data)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = "no digest"
    with pytest.raises(jsonschema.ValidationError):
        schemas.validate_officially(json.dumps(document).encode(), kind)

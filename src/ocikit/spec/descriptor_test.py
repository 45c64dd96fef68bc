from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.testing.strategies import damaged, json_values

DIGEST = Digest.of(b"x")
DOCUMENT: dict[str, Any] = {
    "mediaType": media_type.OCI_LAYER_GZIP,
    "digest": str(DIGEST),
    "size": 7,
    "annotations": {"a": "b"},
    "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
}


def test_read_and_written_again() -> None:
    descriptor = Descriptor.from_json(DOCUMENT)
    assert descriptor.platform == Platform("linux", "arm", "v7")
    assert descriptor.to_json() == DOCUMENT


def test_empty_members_are_not_written() -> None:
    assert sorted(Descriptor(media_type.OCI_LAYER, DIGEST, 0).to_json()) == [
        "digest",
        "mediaType",
        "size",
    ]


@pytest.mark.parametrize(
    "change, reason",
    [
        pytest.param({"size": -1}, "expected a whole number from 0", id="size-negative"),
        pytest.param({"size": 1.5}, "expected a whole number from 0", id="size-float"),
        pytest.param({"size": True}, "expected a whole number from 0", id="size-bool"),
        pytest.param({"size": "7"}, "expected a whole number from 0", id="size-text"),
        pytest.param({"size": 2**63}, "expected a whole number from 0", id="size-too-large"),
        pytest.param({"size": 10**300}, "expected a whole number from 0", id="size-absurd"),
        pytest.param({"digest": 5}, 'expected text in "digest"', id="digest-number"),
        pytest.param({"annotations": {"a": None}}, 'expected text in "annotations.a"', id="annotation-null"),
        pytest.param({"platform": {"os": 1}}, 'expected text in "platform.os"', id="os-number"),
        pytest.param({"digest": "sha256:0"}, "is not a digest", id="digest"),
        pytest.param({"digest": None}, 'expected "digest", which is missing', id="digest-null"),
        pytest.param({"mediaType": "layer"}, "is not a media type", id="media-type"),
        pytest.param({"mediaType": "a/b; c=d"}, "is not a media type", id="media-type-parameter"),
        pytest.param({"mediaType": None}, 'expected "mediaType", which is missing', id="media-type-null"),
        pytest.param({"annotations": ["a"]}, "not a descriptor", id="annotations-list"),
        pytest.param({"platform": "linux/amd64"}, "not a descriptor", id="platform-text"),
    ],
)
def test_from_json_refuses(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidContent, match=r"^not a descriptor") as error:
        Descriptor.from_json({**DOCUMENT, **change})
    assert reason in str(error.value)


@pytest.mark.parametrize("key", ["mediaType", "digest", "size"])
def test_from_json_refuses_without(key: str) -> None:
    with pytest.raises(InvalidContent, match=key):
        Descriptor.from_json({k: v for k, v in DOCUMENT.items() if k != key})


@pytest.mark.parametrize(
    "kind, size",
    [
        pytest.param("a/b", -1, id="size"),
        pytest.param("a/b", 2**63, id="size-too-large"),
        pytest.param("ab", 1, id="media-type"),
    ],
)
def test_a_descriptor_made_by_hand_is_checked_too(kind: str, size: int) -> None:
    with pytest.raises(InvalidInput):
        Descriptor(kind, DIGEST, size)


def test_annotations_cannot_be_changed() -> None:
    given_annotations = {"a": "b"}
    descriptor = Descriptor("a/b", DIGEST, 1, given_annotations)
    given_annotations["a"] = "c"
    assert descriptor.annotations == {"a": "b"}
    assert descriptor == Descriptor("a/b", DIGEST, 1, {"a": "b"})
    with pytest.raises(TypeError):
        descriptor.annotations["a"] = "c"  # type: ignore[index]


def test_plain_and_annotated() -> None:
    descriptor = Descriptor.from_json(DOCUMENT)
    assert descriptor.plain() == Descriptor(media_type.OCI_LAYER_GZIP, DIGEST, 7)
    assert descriptor.annotated(x="y").annotations == {"x": "y"}
    assert descriptor.annotated(x="y").platform == descriptor.platform


@given(json_values() | damaged(DOCUMENT))
def test_any_json_is_a_descriptor_or_invalid_content(document: Any) -> None:
    try:
        descriptor = Descriptor.from_json(document)
    except InvalidContent:
        return
    assert Descriptor.from_json(descriptor.to_json()) == descriptor
    hash(descriptor)

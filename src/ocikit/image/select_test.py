from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.image.select import Candidate, choose_candidate, choose_from_layout
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import blob_path
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.platform import Platform

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, TWO, THREE = (Digest.of(text) for text in (b"1", b"2", b"3"))
ANY = (
    Candidate(ONE, AMD, ("web:1",)),
    Candidate(TWO, ARM, ("web:1",)),
)

CHOICES = [
    pytest.param(ANY, AMD, None, ONE, id="by-platform"),
    pytest.param(ANY, ARM, None, TWO, id="by-another-platform"),
    pytest.param(ANY, AMD, TWO, TWO, id="by-digest-for-any-platform"),
    pytest.param(ANY[:1], ARM, None, ONE, id="the-only-one"),
    pytest.param((ANY[0], Candidate(ONE, AMD, ("web:2",))), AMD, None, ONE, id="one-with-two-names"),
    pytest.param((ANY[0], Candidate(TWO, None)), ARM, None, TWO, id="one-without-a-platform"),
]
REFUSALS = [
    pytest.param(ANY, Platform("linux", "s390x"), None, ('"linux/s390x"', "linux/amd64, linux/arm64"), id="platform"),
    pytest.param(ANY, AMD, THREE, (str(THREE), f"available: {ONE} (web:1), {TWO} (web:1)"), id="digest"),
    pytest.param(
        (ANY[0], Candidate(THREE, AMD, ("db:1", "db:2"))),
        AMD,
        None,
        ("2 images", '"linux/amd64"', "`digest`", f"{ONE} (web:1), {THREE} (db:1, db:2)"),
        id="two-of-one-platform",
    ),
    pytest.param((), AMD, None, ("available: none",), id="nothing"),
]


@pytest.mark.parametrize("candidates, platform, digest, chosen", CHOICES)
def test_selection(
    candidates: tuple[Candidate, ...], platform: Platform, digest: Digest | None, chosen: Digest
) -> None:
    assert choose_candidate(candidates, platform, digest, "archive").digest == chosen


@pytest.mark.parametrize("candidates, platform, digest, parts", REFUSALS)
def test_selection_errors(
    candidates: tuple[Candidate, ...], platform: Platform, digest: Digest | None, parts: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        choose_candidate(candidates, platform, digest, "archive")
    assert [part for part in parts if part not in str(caught.value)] == []


class Files(dict[str, bytes]):
    """A layout in memory."""

    def image(self, content: str, platform: Platform = AMD) -> Descriptor:
        config = self.blob(ImageConfig.of(platform, {"Env": [content]}, (), ()).data, media_type.OCI_CONFIG)
        manifest = Manifest.of(config, ())
        return self.blob(manifest.data, media_type.OCI_MANIFEST)

    def index(self, *entries: Descriptor) -> Descriptor:
        return self.blob(ImageIndex.of(entries).data, media_type.OCI_INDEX)

    def list(self, *entries: Descriptor) -> None:
        self["index.json"] = ImageIndex.of(entries).data

    def blob(self, data: bytes, kind: str) -> Descriptor:
        self[blob_path(Digest.of(data))] = data
        return Descriptor(kind, Digest.of(data), len(data))


def nested(files: Files) -> Digest:
    amd, arm = files.image("a"), files.image("b", ARM)
    files.list(files.index(replace(amd, platform=AMD), replace(arm, platform=ARM)))
    return arm.digest


def platforms_in_configs(files: Files) -> Digest:
    amd, arm = files.image("a"), files.image("b", ARM)
    files.list(amd, arm)
    return arm.digest


def named_twice(files: Files) -> Digest:
    image = files.image("a", ARM)
    files.list(image.annotated(**{"org.opencontainers.image.ref.name": "1"}), image)
    return image.digest


def with_a_signature(files: Files) -> Digest:
    image = files.image("a", ARM)
    signature = Manifest.of(files.blob(b"{}", "application/vnd.oci.empty.v1+json"), ())
    files.list(files.blob(signature.data, media_type.OCI_MANIFEST), image)
    return image.digest


@pytest.mark.parametrize("make", [nested, platforms_in_configs, named_twice, with_a_signature])
def test_the_image_of_a_layout_for_a_platform(make: Callable[[Files], Digest]) -> None:
    files = Files()
    assert make(files) == choose_from_layout(files.get, ARM, None, "layout").digest


def test_an_image_of_a_listed_index_can_be_selected() -> None:
    files = Files()
    digest = nested(files)
    assert choose_from_layout(files.get, AMD, digest, "layout").digest == digest


def no_index(files: Files) -> None:
    del files["index.json"]


def config_gone(files: Files) -> None:
    (path,) = (path for path, data in files.items() if b'"architecture":"arm64"' in data and b"schema" not in data)
    del files[path]


def corrupt(files: Files) -> None:
    path = next(path for path, data in files.items() if b'"config":{' in data and path.startswith("blobs"))
    files[path] = b"{}"


@pytest.mark.parametrize(
    "damage, part",
    [
        pytest.param(no_index, "the archive has no index.json", id="no-index"),
        pytest.param(config_gone, "the archive has no blob sha256:", id="no-config"),
        pytest.param(corrupt, "corrupt: its content has the digest", id="corrupt"),
    ],
)
def test_damage_is_reported(damage: Callable[[Files], None], part: str) -> None:
    files = Files()
    files.list(files.image("a"), files.image("b", ARM))
    damage(files)
    with pytest.raises(OcikitError, match=part) as caught:
        choose_from_layout(files.get, ARM, None, "archive")
    assert isinstance(caught.value, InvalidContent)

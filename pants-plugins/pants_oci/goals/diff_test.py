"""Changes of files when shared layers are not available, such as those of a base in a registry."""

from __future__ import annotations

from typing import Any

import pytest
from pants.engine.fs import EMPTY_DIGEST

import ocikit
from ocikit.layer.contents import WHITEOUT, File, FileChanges
from ocikit.spec import canonical_json, media_type
from pants_oci.goals.diff import _Compared, _file_changes
from pants_oci.images.files import ImageFiles
from pants_oci.images.image import BuiltImage
from pants_oci.images.remote import RemoteImage


def image(*layers: str) -> ocikit.Image:
    document: dict[str, Any] = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [str(ocikit.Digest.of(layer.encode())) for layer in layers]},
    }
    data = canonical_json.dumps(document)
    config = ocikit.Descriptor(media_type.OCI_CONFIG, ocikit.Digest.of(data), len(data))
    blobs = [ocikit.Descriptor(media_type.OCI_LAYER, ocikit.Digest.of(layer.encode()), 1) for layer in layers]
    return ocikit.Image(ocikit.Manifest.of(config, blobs), ocikit.ImageConfig.parse(data))


def digest(layer: str) -> str:
    return str(ocikit.Digest.of(layer.encode()))


def file(path: str, content: str = "x") -> File:
    return File(path, "file", 0o644, size=1, digest=content)


GONE = File("gone", WHITEOUT)
CHANGED = (file("a"), file("a", "y"))


@pytest.mark.parametrize(
    "base, expected",
    [
        pytest.param((file("a"), file("gone")), FileChanges((), (file("gone"),), (CHANGED,)), id="available"),
        pytest.param(None, FileChanges((file("a", "y"),), (GONE,), ()), id="in-a-registry"),
    ],
)
def test_a_base_that_both_images_share(base: tuple[File, ...] | None, expected: FileChanges) -> None:
    old, new = image("base", "old"), image("base", "new")
    remote = RemoteImage(str(old.digest), old, {digest("old"): (file("b"),)})
    pair = _Compared("t", "r", BuiltImage(new, EMPTY_DIGEST, ("", "")), remote)
    assert pair.known_layers == 1
    ours = ImageFiles((base, (file("a", "y"), GONE, file("b"))))
    assert _file_changes(pair, ours) == expected


def test_own_layers_at_another_position_are_not_downloaded() -> None:
    old, new = image("one", "two"), image("zero", "one", "two")
    pair = _Compared("t", "r", BuiltImage(new, EMPTY_DIGEST, ("",) * 3), RemoteImage(str(old.digest), old, {}))
    ours = ImageFiles(((file("zero"),), (file("one"),), (file("two"),)))
    assert _file_changes(pair, ours) == FileChanges(added=(file("zero"),))


def test_a_base_in_a_registry_is_not_read_for_a_new_tag() -> None:
    built = BuiltImage(image("base", "own"), EMPTY_DIGEST, ("", ""), base_layers=1)
    pair = _Compared("t", "r", built, RemoteImage())
    assert (pair.is_different, pair.known_layers) == (True, 1)
    assert _file_changes(pair, ImageFiles((None, (file("own"), GONE)))) == FileChanges(added=(file("own"),))
    everything = FileChanges(added=(file("base"), file("own")))
    assert _file_changes(pair, ImageFiles(((file("base"),), (file("own"),)))) == everything

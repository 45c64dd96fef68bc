"""Files that Pants cannot keep are reported; they are never silently missing from the image."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_layout
from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root

BUILD = """\
files(name="files", sources=["data/**"])
oci_image(name="image", dependencies=[":files"])
files(name="nothing", sources=["nothing/*"])
oci_image(name="empty", dependencies=[":nothing"])
oci_base(name="base", path="layout")
oci_image(name="on-base", base=":base", dependencies=[":files"])
"""


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        root.write({"web/BUILD": BUILD, "web/data/good": "good\n", "web/data/sub/good": "good\n"})
        yield root


def fifo(folder: bytes) -> None:
    os.mkfifo(folder + b"/sub/odd")


def listener(folder: bytes) -> None:
    before = Path.cwd()
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("sub/odd")
    os.chdir(before)


def not_utf_8(folder: bytes) -> None:
    Path(os.fsdecode(folder + b"/sub/odd\xff")).write_text("x")


def folder_not_utf_8(folder: bytes) -> None:
    os.mkdir(folder + b"/odd\xff")
    Path(os.fsdecode(folder + b"/odd\xff/x")).write_text("x")


def link(folder: bytes) -> None:
    os.symlink(b"\xff", folder + b"/odd")


CASES = [
    pytest.param(fifo, '"web/data/sub/odd" is a FIFO', id="fifo"),
    pytest.param(listener, '"web/data/sub/odd" is a socket', id="socket"),
    pytest.param(not_utf_8, r'"web/data/sub/odd\xff" is not UTF-8', id="name"),
    pytest.param(folder_not_utf_8, r'"web/data/odd\xff" is not UTF-8', id="folder"),
    pytest.param(link, '"web/data/odd" is a link whose target is not UTF-8', id="link"),
]


@pytest.mark.parametrize("make, expected", CASES)
def test_files_that_pants_does_not_see_are_reported(
    root: BuildRoot, make: Callable[[bytes], None], expected: str
) -> None:
    """The file appears after a build and is removed again; Pants itself notices neither."""
    root.pants("package", "web:image")
    make(os.fsencode(root.path / "web" / "data"))
    try:
        refused = root.pants("package", "web:image", check=False)
    finally:
        for path in list((root.path / "web" / "data").rglob("odd*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert refused.exit_code == 1
    assert (
        f"web:image: Pants does not see files that the dependency web:files names, so they would be missing: {expected}"
        in (refused.stderr)
    )
    root.pants("package", "web:image")


def test_globs_that_match_nothing(root: BuildRoot) -> None:
    refused = root.pants("package", "web:empty", check=False)
    assert refused.exit_code == 1
    assert "web:empty: the dependency web:nothing has no files: its `sources` match none" in refused.stderr


def test_a_layer_that_is_not_named_by_its_sha_256(root: BuildRoot) -> None:
    """The layer is valid, but Pants cannot verify it. The message does not call it corrupt."""
    layout = Layout(root.path / "web" / "layout")
    manifest = layout.fetch_manifest(str(tiny_layout(layout.path, {"a": b"a"}, "v1")))
    assert isinstance(manifest, Manifest)
    (layer,) = manifest.layers
    with layout.open_blob(layer) as stream:
        data = stream.read()
    named = type(layer)(layer.media_type, Digest.of(data, "sha512"), layer.size)
    layout.push_blob(named, lambda: layout.open_blob(layer))
    other = Manifest.of(manifest.config, [named])
    layout.push_manifest(other, "v1")
    layout.verify()
    root.write({"web/BUILD": BUILD.replace('path="layout"', f'path="layout", digest="{other.descriptor.digest}"')})
    refused = root.pants("package", "web:on-base", check=False)
    assert refused.exit_code == 1
    assert f"web:base: the layer {named.digest} is not named by its SHA-256" in refused.stderr
    assert "corrupt" not in refused.stderr

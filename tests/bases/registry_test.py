"""Building on bases in registries: inherited settings, annotations, and a registry that is unreachable later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocikit.spec.config import ImageConfig
from ocikit.spec.manifest import Manifest
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import FakeRegistry, Faults
from ocikit.testing.images import LINUX
from support.base_images import ARM, add_image, add_index
from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root

_BUILD = """\
oci_base(name="locked", image="{address}/base:1")
oci_base(name="by-index", image="{address}/base", digest="{index}")
oci_base(name="by-manifest", image="{address}/base:old@{manifest}")
file(name="file", source="file.txt")
oci_image(
    name="image", base=":locked", dependencies=[":file"], env={{"LANG": "de", "NEW": "1"}}, entrypoint=["/bin/new"]
)
oci_image(name="above", base=":image", dependencies=[":file"])
oci_image(name="arm", base=":by-index", dependencies=[":file"], platform="linux/arm64")
oci_image(name="pinned", base=":by-manifest", dependencies=[":file"])
oci_image(
    name="said", base=":locked", dependencies=[":file"],
    annotations={{"org.opencontainers.image.base.name": "ours.example/base:1"}},
)
oci_push(name="push-one", image=":image", repository="dist/one", registries=["oci:dist/layouts"])
oci_push(name="push-two", image=":above", repository="dist/two", registries=["oci:dist/layouts"])
"""
NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


@pytest.fixture(scope="module")
def named(registry: FakeRegistry) -> dict[str, str]:
    index, _ = add_index(registry, "base", "1", {LINUX: b"for amd64" * 100, ARM: b"for arm64" * 100})
    old = add_image(registry, "base", b"old")
    return {"index": str(index.descriptor.digest), "manifest": str(old.descriptor.digest)}


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, registry: FakeRegistry, named: dict[str, str]
) -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        root.write({"BUILD": _BUILD.format(address=registry.address, **named), "file.txt": "text\n"})
        # Pinned bases need no lock file.
        root.pants("package", ":arm", ":pinned")
        assert not (root.path / "oci.lock").exists()
        root.pants("oci-lock")
        root.pants("package", "::")
        yield root


def image_in(path: Path) -> tuple[Manifest, ImageConfig]:
    layout = Layout(path)
    layout.verify()
    (entry,) = layout.entries()
    manifest = layout.fetch_manifest(str(entry.digest))
    assert isinstance(manifest, Manifest)
    return manifest, ImageConfig.parse(Path(layout.blob_path(manifest.config.digest)).read_bytes())


def test_settings_are_inherited_as_docker_does(root: BuildRoot) -> None:
    _, config = image_in(root.path / "dist/image")
    settings = config.container
    assert settings["Env"] == ("PATH=/usr/bin", "LANG=de", "NEW=1")
    assert (settings["Entrypoint"], settings.get("Cmd"), settings["User"]) == (("/bin/new",), None, "7:7")


def test_the_image_for_the_platform_is_used(root: BuildRoot) -> None:
    _, config = image_in(root.path / "dist/arm")
    assert config.platform == ARM
    assert image_in(root.path / "dist/image")[1].platform == LINUX


@pytest.mark.parametrize(
    "image, tag, digest",
    [
        pytest.param("image", ":1", "index", id="locked"),
        pytest.param("above", ":1", "index", id="above-another"),
        pytest.param("arm", "@{index}", "index", id="pinned-index"),
        pytest.param("pinned", ":old", "manifest", id="pinned-manifest"),
    ],
)
def test_annotations_name_the_base(
    root: BuildRoot, registry: FakeRegistry, named: dict[str, str], image: str, tag: str, digest: str
) -> None:
    manifest, _ = image_in(root.path / "dist" / image)
    assert manifest.annotations == {NAME: f"{registry.address}/base{tag.format(**named)}", DIGEST: named[digest]}


def test_own_annotations_win(root: BuildRoot, named: dict[str, str]) -> None:
    manifest, _ = image_in(root.path / "dist/said")
    assert manifest.annotations == {NAME: "ours.example/base:1", DIGEST: named["index"]}


def test_directories_of_layouts_are_filled_from_the_registry(root: BuildRoot, registry: FakeRegistry) -> None:
    asked = len(registry.requests)
    root.pants("publish", "::")
    image_in(root.path / "dist/layouts/dist/one")
    image_in(root.path / "dist/layouts/dist/two")
    downloads = [r.path for r in registry.requests[asked:] if r.method == "GET" and "/blobs/" in r.path]
    assert len(downloads) == 1


def test_a_registry_that_does_not_mount(root: BuildRoot, registry: FakeRegistry) -> None:
    registry.faults = Faults(no_mount=True)
    option = f'--oci-registries={{"home": {{"address": "{registry.address}/own", "default": True}}}}'
    root.write({"more/BUILD": 'oci_push(name="push", image="//:image", repository="app")\n'})
    try:
        root.pants(option, "publish", "more:push")
    finally:
        registry.faults = Faults()
    assert registry.incomplete() == {}
    assert "latest" in registry.repositories["own/app"].tags


def test_a_registry_that_is_gone(root: BuildRoot, registry: FakeRegistry) -> None:
    """Pants caches what it read from the registry on disk, not only in the daemon's memory."""
    registry.pause()
    try:
        root.write({"file.txt": "another text\n"})
        result = root.pants("--no-pantsd", "package", ":image", ":arm")
    finally:
        registry.resume()
    assert "Wrote dist/image" in result.stderr
    image_in(root.path / "dist/image")

"""Pants's knowledge of images before any build: dependencies, the effects of a change, and help."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ocikit.testing.images import tiny_layout
from support.build_root import WITH_PYTHON, BuildRoot
from support.build_root_pool import empty_build_root

FILES = {
    "base/BUILD": 'oci_base(name="os", path="layout")\n',
    "shared/BUILD": (
        'files(name="files", sources=["*.txt"])\n'
        'oci_layer(name="layer", dependencies=[":files"], strip_prefix="shared")\n'
    ),
    "shared/motd.txt": "welcome\n",
    "app/BUILD": (
        'file(name="file", source="app.txt")\n'
        'oci_image(name="image", base="base:os", layers=["shared:layer"], dependencies=[":file"], ports=["80"])\n'
        'oci_push(name="push", image=":image", image_tags=["{name}"])\n'
    ),
    "app/app.txt": "app\n",
    "top/BUILD": (
        'file(name="file", source="top.txt")\n'
        'oci_image(name="image", base="app:image", dependencies=[":file"])\n'
        'oci_push(name="push", image=":image")\n'
    ),
    "top/top.txt": "top\n",
}
SHARING_APP = ["app:image", "app:push", "top:image", "top:push"]


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root(plugin=WITH_PYTHON) as root:
        root.write(FILES)
        tiny_layout(root.path / "base/layout", {"hello.txt": b"hello"})
        root.commit()
        yield root


@pytest.mark.parametrize(
    "arguments, found",
    [
        pytest.param(["dependencies", "app:image"], ["app:file", "base:os", "shared:layer"], id="of-an-image"),
        pytest.param(["dependencies", "top:image"], ["app:image", "top:file"], id="of-an-image-on-an-image"),
        pytest.param(["dependencies", "app:push"], ["app:image"], id="of-a-push"),
        pytest.param(["dependencies", "shared:layer"], ["shared/motd.txt:files"], id="of-a-layer"),
        pytest.param(["dependencies", "base:os"], [], id="of-a-base"),
        pytest.param(["dependents", "base:os"], ["app:image"], id="on-a-base"),
        pytest.param(["dependents", "shared:layer"], ["app:image"], id="on-a-layer"),
        pytest.param(["dependents", "app:image"], ["app:push", "top:image"], id="on-an-image"),
        pytest.param(["dependents", "--transitive", "base:os"], SHARING_APP, id="transitively-on-a-base"),
        pytest.param(
            ["dependents", "--transitive", "shared/motd.txt"],
            [*SHARING_APP[:2], "shared:files", "shared:layer", *SHARING_APP[2:]],
            id="transitively-on-a-file",
        ),
        pytest.param(["dependents", "--transitive", "top/top.txt:file"], ["top:image", "top:push"], id="on-the-top"),
        pytest.param(["--filter-target-type=oci_push", "list", "::"], ["app:push", "top:push"], id="pushes"),
        pytest.param(["list", "base:"], ["base:os"], id="bases"),
    ],
)
def test_dependencies_and_dependents(arguments: list[str], found: list[str], root: BuildRoot) -> None:
    assert root.pants(*arguments).stdout.split() == found


@pytest.mark.parametrize(
    "path, changed",
    [
        pytest.param("shared/motd.txt", [*SHARING_APP, "shared/motd.txt:files", "shared:layer"], id="layer"),
        pytest.param("base/layout/index.json", [*SHARING_APP, "base:os"], id="base"),
        pytest.param("top/top.txt", ["top:file", "top:image", "top:push"], id="one-image"),
    ],
)
def test_targets_affected_by_a_change(path: str, changed: list[str], root: BuildRoot) -> None:
    before = (root.path / path).read_bytes()
    root.write({path: before + b"\n"})
    try:
        found = root.pants("--changed-since=HEAD", "--changed-dependents=transitive", "list").stdout.split()
    finally:
        root.write({path: before})
    assert sorted(found) == sorted(changed)


def test_peek_shows_the_fields(root: BuildRoot) -> None:
    (image, push) = json.loads(root.pants("peek", "app:image", "app:push").stdout)
    assert image["base"] == "base:os" and image["layers"] == ["shared:layer"] and image["ports"] == ["80"]
    assert image["dependencies"] == ["app:file", "base:os", "shared:layer"]
    assert push["image"] == ":image" and push["image_tags"] == ["{name}"] and push["dependencies"] == ["app:image"]


def test_tailor_has_nothing_to_add(root: BuildRoot) -> None:
    root.pants("tailor", "--check", "::")


HELP = [
    pytest.param(
        "oci_image",
        "annotations args base dependencies directory entrypoint env environment healthcheck labels layers "
        "output_path pex_layers platform ports stop_signal user volumes workdir",
        ["dist/", "oci_push", "bit for bit", "`scratch`", "linux/amd64", "CMD"],
        id="oci_image",
    ),
    pytest.param(
        "oci_layer",
        "dependencies directory directory_mode environment file_mode owner strip_prefix symlinks",
        ["`layers`", "uid:gid", "octal"],
        id="oci_layer",
    ),
    pytest.param("oci_base", "digest image path platforms", ["`base`", "OCI image layout", "sha256:"], id="oci_base"),
    pytest.param(
        "oci_push",
        "dependencies image image_tags registries repository skip_push",
        ["required", "{git.short_sha}", "{env.NAME}", "<all default registries>", "@alias", "oci:dist/registry"],
        id="oci_push",
    ),
    pytest.param(
        "oci",
        "registries default_repository package_format compression",
        ["insecure", "default = true", "docker login", "gzip:9", "zstd", "docker load"],
        id="options",
    ),
]


@pytest.mark.parametrize("name, entries, said", HELP)
def test_the_help_is_the_manual(name: str, entries: str, said: list[str], root: BuildRoot) -> None:
    text = root.pants("help", name).stdout
    assert set(entries.split()) <= {line.strip() for line in text.splitlines()}, text
    assert "type: Any" not in text, text
    for part in said:
        assert part in " ".join(text.split()), text


def test_every_target_and_the_backend_are_listed(root: BuildRoot) -> None:
    lines = root.pants("help", "targets").stdout.splitlines()
    for name in ("oci_base", "oci_image", "oci_layer", "oci_push"):
        assert any(line.split() and line.split()[0] == name and len(line.split()) > 3 for line in lines), lines
    assert "without Docker" in root.pants("help", "backends").stdout

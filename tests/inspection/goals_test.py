"""`oci-inspect`, `oci-diff` and `tailor`: their output, and their requests to registries."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocikit.image.build import build_image
from ocikit.spec.media_type import OCI_LAYER_GZIP
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import LINUX, NO_SETTINGS, tiny_layer
from ocikit.testing.measured import layout_of
from ocikit.testing.tar_parts import END, header, names
from support.build_root import WITH_PYTHON, BuildRoot, Result
from support.build_root_pool import empty_build_root
from support.registry_process import registry_process

BUILD = """\
file(name="shared-file", source="shared.txt")
oci_layer(name="shared", dependencies=[":shared-file"])
files(name="files", sources=["*.txt", "!shared.txt"])
oci_image(
    name="image",
    layers=[":shared"],
    dependencies=[":files"],
    directory="/srv",
    entrypoint=["/bin/serve"],
    env={"COLOUR": "red"},
)
oci_push(name="push", image=":image", repository="web", image_tags=["1"])
"""
FILES: dict[str, str | bytes] = {
    "web/BUILD": BUILD,
    "web/shared.txt": "shared\n",
    "web/large.txt": "x" * 2000,
    "web/small.txt": "x",
}


@pytest.fixture(scope="module")
def shared_root() -> Iterator[BuildRoot]:
    with empty_build_root(plugin=WITH_PYTHON) as build_root:
        build_root.write(FILES)
        build_root.commit()
        yield build_root


@pytest.fixture
def root(shared_root: BuildRoot) -> Iterator[BuildRoot]:
    yield shared_root
    shared_root.restore()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry_process(tmp_path_factory.mktemp("registry")) as address:
        yield address


def at(address: str) -> str:
    return f"--oci-registries={{'here': {{'address': '{address}', 'default': True}}}}"


def difference(root: BuildRoot, address: str, *arguments: str) -> Any:
    (found,) = json.loads(root.pants(at(address), "oci-diff", "--json", *arguments, "web:push").stdout)
    return found


def paths(files: list[dict[str, Any]]) -> list[str]:
    return [file["path"] for file in files]


def change(root: BuildRoot) -> None:
    """Change the image in every way: change its settings, and add, remove and change a file."""
    build = BUILD.replace('"red"', '"blue", "SIZE": "1"')
    root.write({"web/BUILD": build, "web/new.txt": "new\n", "web/large.txt": "y" * 2000})
    (root.path / "web/small.txt").unlink()


def test_inspect_describes_an_image(root: BuildRoot) -> None:
    # The image is not listed again for its push target.
    lines = root.pants("oci-inspect", "--files=2", "::").stdout.splitlines()
    assert lines[0] == "web:image"
    for line in ("platform    linux/amd64", 'entrypoint  ["/bin/serve"]', "env         COLOUR=red"):
        assert line in lines
    layers = lines[lines.index(next(line for line in lines if line.startswith("layers      2, "))) + 1 :]
    assert [line.rpartition(":")[2] for line in layers[:2]] == ["shared", "files"]
    assert layers[2] == "largest files"
    assert [line.split()[:3] for line in layers[3:]] == [
        ["2.0", "kB", "/srv/web/large.txt"],
        ["7", "B", "/web/shared.txt"],
    ]


def test_inspect_as_json(root: BuildRoot) -> None:
    images = json.loads(root.pants("oci-inspect", "--json", "--files=1", "web:push").stdout)
    assert [image["target"] for image in images] == ["web:push"]
    (image,) = images
    assert [layer["origin"].rpartition(":")[2] for layer in image["layers"]] == ["shared", "files"]
    assert [layer["digest"] for layer in image["layers"]] == [y["digest"] for y in image["manifest"]["layers"]]
    assert image["config"]["config"]["Env"] == ["COLOUR=red"]
    assert [(file["path"], file["size"], file["layer"]) for file in image["files"]] == [("/srv/web/large.txt", 2000, 1)]
    (without,) = json.loads(root.pants("oci-inspect", "--json", "--files=0", "web:image").stdout)
    assert "files" not in without
    assert without["digest"] == image["digest"]


def test_a_base_that_expands_to_much_more_and_one_with_many_files(root: BuildRoot) -> None:
    zeros = gzip.compress(bytes(16 * 2**20))
    bomb = gzip.compress(header(b"a", 128 * 2**20)) + zeros * 8 + gzip.compress(END)
    layout_of(root.path / "hostile/bomb", bomb, kind=OCI_LAYER_GZIP)
    two = [gzip.compress(names(500, 50, mark)) for mark in (b"a", b"b")]
    layout_of(root.path / "hostile/files", *two, kind=OCI_LAYER_GZIP)
    build = [
        f'oci_base(name="{name}-base", path="{name}")\noci_image(name="{name}", base=":{name}-base")\n'
        for name in ("bomb", "files")
    ]
    root.write({"hostile/BUILD": "".join(build)})
    for options, name, text in (
        ((), "bomb", "raise `[oci].max_layer_expansion`"),
        # No single layer exceeds the limit.
        (
            ("--oci-max-layer-files=999",),
            "files",
            "the layers have more than 999 files. If you trust the image, raise ",
        ),
    ):
        failed = root.pants(*options, "oci-inspect", f"hostile:{name}", check=False)
        assert failed.exit_code == 1, failed
        assert f"hostile:{name}-base: " in failed.stderr, failed.stderr
        assert text in failed.stderr
        assert "Traceback" not in failed.stdout + failed.stderr
    for option, name in (("--oci-max-layer-expansion=2000", "bomb"), ("--oci-max-layer-files=1000", "files")):
        assert "largest files" in root.pants(option, "oci-inspect", f"hostile:{name}").stdout


INDEX = """\
file(name="file", source="data.txt")
oci_image(name="image", dependencies=[":file"], platform=parametrize("linux/amd64", "linux/arm64"))
oci_index(name="index", images=[":image"])
oci_push(name="push", image=":index", repository="several", image_tags=["1"])
"""


def test_an_index_is_inspected_image_by_image(root: BuildRoot, registry: str) -> None:
    root.write({"several/BUILD": INDEX, "several/data.txt": "one\n"})
    inspected = json.loads(root.pants("oci-inspect", "--json", "--files=0", "several:push").stdout)
    names = ["several:push [linux/amd64]", "several:push [linux/arm64]"]
    assert [one["target"] for one in inspected] == names

    def differences() -> dict[str, Any]:
        found = json.loads(root.pants(at(registry), "oci-diff", "--json", "several:push").stdout)
        return {one["target"]: one for one in found}

    new = differences()
    assert {name: one["previous"] for name, one in new.items()} == dict.fromkeys(names)
    root.pants(at(registry), "publish", "several:push")
    assert [one["changed"] for one in differences().values()] == [False, False]
    root.write({"several/data.txt": "other\n"})
    changed = differences()
    for name in names:
        assert changed[name]["previous"] == new[name]["digest"]
        assert [one["after"]["path"] for one in changed[name]["files"]["changed"]] == ["/several/data.txt"]


def test_nothing_to_inspect(root: BuildRoot) -> None:
    assert "no `oci_image`, `oci_index` or `oci_push`" in root.pants("oci-inspect", "web:files").stderr
    assert "no `oci_push`" in root.pants("oci-diff", "web:image").stderr


@pytest.mark.parametrize("kind", ["directory", "registry"])
def test_diff(root: BuildRoot, registry: str, kind: str) -> None:
    address = registry if kind == "registry" else "oci:dist/registry"
    new = difference(root, address)
    assert (new["previous"], new["changed"]) == (None, True)
    assert paths(new["files"]["added"]) == [
        *("/srv", "/srv/web", "/srv/web/large.txt", "/srv/web/small.txt"),
        *("/web", "/web/shared.txt"),
    ]
    assert f"{address}/web:1\ndigest      (no such tag) → " in root.pants(at(address), "oci-diff", "::").stdout

    root.pants(at(address), "publish", "web:push")
    same = difference(root, address, "--fail-on-changes")
    assert (same["changed"], same["previous"]) == (False, new["digest"])
    assert "nothing differs" in root.pants(at(address), "oci-diff", "::").stdout

    change(root)
    found = difference(root, address)
    assert (found["target"], found["reference"]) == ("web:push", f"{address}/web:1")
    assert (found["previous"], found["changed"]) == (new["digest"], True)
    assert found["config"] == [
        {"key": "config.Env.COLOUR", "before": "red", "after": "blue"},
        {"key": "config.Env.SIZE", "before": None, "after": "1"},
    ]
    assert [layer["origin"].rpartition(":")[2] for layer in found["layers"]["added"]] == ["files"]
    assert len(found["layers"]["removed"]) == 1
    assert paths(found["files"]["added"]) == ["/srv/web/new.txt"]
    assert paths(found["files"]["removed"]) == ["/srv/web/small.txt"]
    (changed,) = found["files"]["changed"]
    assert changed["before"]["path"] == "/srv/web/large.txt"
    assert changed["before"]["digest"] != changed["after"]["digest"]
    result = root.pants(at(address), "oci-diff", "--fail-on-changes", "::", check=False)
    assert (result.exit_code, "  ~    2.0 kB  /srv/web/large.txt  (content)" in result.stdout) == (1, True)


def test_diff_reads_only_the_layers_that_differ(root: BuildRoot) -> None:
    with FakeRegistry() as registry:
        root.pants(at(registry.address), "publish", "web:push")
        registry.requests.clear()
        difference(root, registry.address)
        assert [request.method for request in registry.requests] == ["HEAD"]
        change(root)
        registry.requests.clear()
        difference(root, registry.address)
        # The config, and one of the two layers.
        assert registry.count("GET .*/blobs/") == 2
        assert {request.method for request in registry.requests} == {"HEAD", "GET"}


def with_layers(registry: FakeRegistry, folder: Path, *contents: bytes) -> tuple[str, list[str]]:
    """Put an image with one file per layer into repository `base`; return its digest and those of its layers."""
    layers = [tiny_layer(str(folder), {f"from-{number}": data}) for number, data in enumerate(contents)]
    image = build_image(base=None, layers=layers, settings=NO_SETTINGS, platform=LINUX, annotations={})
    registry.put_blob("base", image.config.data)
    for layer in layers:
        registry.put_blob("base", Path(Layout(folder).blob_path(layer.descriptor.digest)).read_bytes())
    registry.put_manifest("base", image.manifest)
    return str(image.digest), [str(layer.descriptor.digest) for layer in layers]


def test_diff_does_not_read_the_layers_that_two_bases_share(root: BuildRoot, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        (old, _), (new, (shared, other)) = (
            with_layers(registry, tmp_path, b"shared", content) for content in (b"old", b"new")
        )
        build = f'oci_base(name="base", image="{registry.address}/base", digest="DIGEST")\n'
        root.write(
            {"web/BUILD": build.replace("DIGEST", old) + BUILD.replace("    layers", '    base=":base",\n    layers')}
        )
        root.pants(at(registry.address), "publish", "web:push")
        build_file = root.path / "web/BUILD"
        build_file.write_text(build_file.read_text().replace(old, new))
        registry.requests.clear()
        found = difference(root, registry.address)
        assert [file["after"]["path"] for file in found["files"]["changed"]] == ["/from-1"]
        assert registry.count(f"GET .*/blobs/{other}") == 1
        assert registry.count(f"GET .*/blobs/{shared}") == 0


def test_an_unreachable_registry(root: BuildRoot) -> None:
    result = root.pants(at("localhost:1"), "oci-diff", "web:push", check=False)
    assert result.exit_code == 1
    assert "web:push: localhost:1/web:1 cannot be compared: " in result.stderr
    assert "Traceback" not in result.stderr


PROGRAM: dict[str, str | bytes] = {
    "services/one/BUILD": 'python_sources()\npex_binary(name="bin", entry_point="main.py")\n',
    "services/one/main.py": "",
    "services/two/BUILD": 'python_sources()\narchive(name="files", format="tar", files=[])\n',
    "services/two/main.py": "",
    "tools/BUILD": 'python_sources()\npex_binary(name="bin", entry_point="main.py")\n',
    "tools/main.py": "",
}
PROPOSED = """
oci_image(
    name="image",
    dependencies=[
        ":bin",
    ],
)

oci_push(
    name="push",
    image=":image",
)
"""


def tailor(root: BuildRoot, *arguments: str) -> Result:
    return root.pants(*arguments, "tailor", "--check", "::", check=False)


def test_tailor_proposes_images_only_in_the_configured_directories(root: BuildRoot) -> None:
    root.write(PROGRAM)
    option = "--oci-tailor-directories=['services/*']"
    assert tailor(root).exit_code == 0
    proposal = tailor(root, option)
    assert proposal.exit_code == 1
    assert proposal.stdout.count("oci_image") == proposal.stdout.count("oci_push") == 1
    root.pants(option, "tailor", "::")
    assert (root.path / "services/one/BUILD").read_text() == f"{PROGRAM['services/one/BUILD']!s}{PROPOSED}"
    assert (root.path / "services/two/BUILD").read_text() == PROGRAM["services/two/BUILD"]
    assert tailor(root, option).exit_code == 0


@pytest.mark.parametrize("directory", ["tools", "."])
def test_tailor_avoids_names_that_are_taken(root: BuildRoot, directory: str) -> None:
    taken = f'{PROGRAM["tools/BUILD"]!s}files(name="image", sources=["*.txt"])\n'
    root.write({f"{directory}/BUILD": taken, f"{directory}/a.txt": "", f"{directory}/main.py": ""})
    root.pants(f"--oci-tailor-directories=['{directory}']", "tailor", "tools:" if directory == "tools" else "//:")
    build = (root.path / directory / "BUILD").read_text()
    assert build.startswith(taken)
    for line in ('name="oci-image"', 'name="push"', 'image=":oci-image"'):
        assert f"    {line},\n" in build

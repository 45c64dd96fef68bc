"""Wrong input through the real goals. Messages name the target, what was expected, what was found and what to do.

Each row is a directory of one build root, named after the row; `{here}` is that name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import pytest
from _pytest.mark import ParameterSet

from ocikit.spec.manifest import Manifest
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_index, tiny_layout
from support.build_root import WITH_PYTHON, BuildRoot, Result
from support.build_root_pool import empty_build_root

SETTINGS = """
[oci.registries.local]
address = "oci:dist/registry"
default = true
"""
IMAGE = 'file(name="file", source="file.txt")\noci_image(name="image", dependencies=[":file"])\n'
MISSING = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Case:
    """A BUILD file, and the `parts` of the message that Pants prints for `blamed` when `goal` is run for `target`.

    `files` are paths to text; `make` adds more to the directory.
    """

    build: str
    parts: tuple[str, ...]
    goal: str = "package"
    target: str = "image"
    # None: the error is in an option, so its message names no target. "": the target itself.
    blamed: str | None = ""
    files: Mapping[str, str] = field(default_factory=dict)
    make: Callable[[Path], object] | None = None
    options: tuple[str, ...] = ()


def image(fields: str, *parts: str, **others: object) -> Case:
    """An image of one file, valid without `fields`."""
    build = f'file(name="file", source="file.txt")\noci_image(name="image", dependencies=[":file"], {fields})\n'
    return Case(build, parts, **others)  # type: ignore[arg-type]


def layer(fields: str, *parts: str, **others: object) -> Case:
    """An image with a layer of one file, valid without `fields`."""
    build = (
        'file(name="file", source="file.txt")\n'
        f'oci_layer(name="layer", dependencies=[":file"], {fields})\n'
        'oci_image(name="image", layers=[":layer"])\n'
    )
    return Case(build, parts, blamed="layer", **others)  # type: ignore[arg-type]


def push(fields: str, *parts: str, **others: object) -> Case:
    """A push of a valid image, valid without `fields`."""
    return Case(f'{IMAGE}oci_push(name="push", image=":image", {fields})\n', parts, "publish", "push", **others)  # type: ignore[arg-type]


def index(fields: str, *parts: str) -> Case:
    """An index; two of the images are for one platform and one is parametrized."""
    both = 'oci_image(name="both", dependencies=[":file"], platform=parametrize("linux/amd64", "linux/arm64"))\n'
    other = 'oci_image(name="other", dependencies=[":file"])\n'
    return Case(f'{IMAGE}{other}{both}oci_index(name="index", {fields})\n', parts, target="index")


def base(fields: str, *parts: str, make: Callable[[Path], object] | None = None, blamed: str = "base") -> Case:
    """An image on an `oci_base` with `fields`."""
    build = f'oci_base(name="base", {fields})\noci_image(name="image", base=":base")\n'
    return Case(build, parts, blamed=blamed, make=make)


def layout(directory: Path) -> None:
    tiny_layout(directory / "layout", {"hello.txt": b"hello"})


def damaged(kind: str, damage: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return a function that writes a layout with a damaged blob of this `kind`."""

    def make(directory: Path) -> None:
        layout(directory)
        found = Layout(directory / "layout")
        manifest = found.fetch_manifest("latest")
        assert isinstance(manifest, Manifest)
        blobs = {"manifest": manifest.descriptor, "config": manifest.config, "layer": manifest.layers[0]}
        damage(Path(found.blob_path(blobs[kind].digest)))

    return make


def something_else(directory: Path) -> None:
    (directory / "layout").mkdir()
    (directory / "layout/file.txt").write_text("x")


def flip(path: Path) -> None:
    path.write_bytes(b"?" + path.read_bytes()[1:])


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def two_images(directory: Path) -> None:
    layout(directory)
    tiny_layout(directory / "layout", {"hello.txt": b"world"}, "other")
    index = directory / "layout/index.json"
    document = json.loads(index.read_text())
    for entry in document["manifests"]:
        entry.pop("platform", None)
    index.write_text(json.dumps(document))


def two_platforms(directory: Path) -> None:
    tiny_index(directory / "layout", {"hello.txt": b"hello"})


BASES = [
    pytest.param(
        image('base=":file"', "`base`", "{here}:file", "`file`", "`oci_base`", "`oci_image`"), id="base-is-a-file"
    ),
    pytest.param(
        Case(
            f'{IMAGE}oci_push(name="push", image=":image")\noci_image(name="image2", base=":push")\n',
            ("`base`", "{here}:push", "`oci_push`", "name an `oci_base`"),
            target="image2",
        ),
        id="base-is-a-push",
    ),
    pytest.param(
        base('path="layout"', "`path`", '"layout"', "the directory does not exist"), id="base-path-does-not-exist"
    ),
    pytest.param(
        base(
            'path="layout"',
            '"layout"',
            "not an OCI image layout",
            "oci-layout",
            make=something_else,
        ),
        id="base-path-is-not-a-layout",
    ),
    pytest.param(
        base('path="layout"', "corrupt", "sha256:", "Copy the base again", make=damaged("manifest", flip)),
        id="base-manifest-is-corrupt",
    ),
    pytest.param(
        base('path="layout"', "corrupt", "sha256:", "Copy the base again", make=damaged("config", flip)),
        id="base-config-is-corrupt",
    ),
    pytest.param(
        base('path="layout"', "corrupt", "sha256:", "Copy the base again", make=damaged("layer", flip)),
        id="base-layer-is-corrupt",
    ),
    pytest.param(
        base('path="layout"', "corrupt", "sha256:", "Copy the base again", make=damaged("layer", truncate)),
        id="base-layer-is-truncated",
    ),
    pytest.param(
        base('path="layout"', "no blob sha256:", "layer", "Copy the base again", make=damaged("layer", Path.unlink)),
        id="base-layer-is-missing",
    ),
    pytest.param(
        base('path="layout"', "no blob sha256:", "Copy the base again", make=damaged("config", Path.unlink)),
        id="base-config-is-missing",
    ),
    pytest.param(base('path="layout"', "2 images", "`digest`", "sha256:", make=two_images), id="base-has-two-images"),
    pytest.param(
        base(f'path="layout", digest="{MISSING}"', "`digest`", MISSING, "available: sha256:", make=layout),
        id="base-digest-is-missing",
    ),
    pytest.param(
        base('path="layout", digest="sha256:beef"', "`digest`", '"sha256:beef"', "64", make=layout),
        id="base-digest-is-not-a-digest",
    ),
    pytest.param(
        base('path="layout", platforms=["linux/arm64"]', '"linux/amd64"', "`platforms`", "linux/arm64", make=layout),
        id="base-platform-is-not-declared",
    ),
    pytest.param(
        base('path="layout", platforms=["linux"]', "`platforms`", '"linux"', make=layout),
        id="base-platform-is-invalid",
    ),
    pytest.param(
        Case(
            'oci_base(name="base", path="layout")\noci_image(name="image", base=":base", platform="linux/s390x")\n',
            ('"linux/s390x"', "linux/amd64", "linux/arm64"),
            blamed="base",
            make=two_platforms,
        ),
        id="base-lacks-the-platform",
    ),
    pytest.param(
        Case(
            'oci_base(name="base", path="layout")\noci_image(name="image", base=":base", platform="linux/arm64")\n',
            ("linux/arm64", "linux/amd64"),
            make=layout,
        ),
        id="base-is-for-another-platform",
    ),
    pytest.param(
        base(
            'image="docker.io/library/python:3.12-slim"',
            '"docker.io/library/python:3.12-slim"',
            "not in oci.lock",
            "`pants oci-lock`",
            "`digest`",
        ),
        id="base-not-locked",
    ),
    pytest.param(base('image="docker.io/Python"', "`image`", '"docker.io/Python"'), id="base-image-is-not-a-reference"),
    pytest.param(base("", "`image`", "`path`"), id="base-of-nothing"),
    pytest.param(base('path="../other"', "`path`", '"../other"', "below"), id="base-path-climbs-out"),
    pytest.param(base('path="/layout"', "`path`", '"/layout"', "below"), id="base-path-is-absolute"),
    pytest.param(
        Case(
            'oci_image(name="image", base=":other")\noci_image(name="other", base=":image")\n',
            ("{here}:image", "{here}:other"),
        ),
        id="base-cycle",
    ),
    pytest.param(image('base=":image"', "{here}:image", "itself"), id="base-is-itself"),
]

CONTENTS = [
    pytest.param(image('base=":none"', "`base`", "{here}:none"), id="base-that-does-not-exist"),
    pytest.param(image('layers=[":none"]', "`layers`", "{here}:none"), id="layer-that-does-not-exist"),
    pytest.param(
        Case('oci_image(name="image", dependencies=[":none"])\n', ("`dependencies`", "{here}:none")),
        id="dependency-that-does-not-exist",
    ),
    pytest.param(image('layers=[":file"]', "`layers`", "{here}:file", "`file`", "`oci_layer`"), id="layer-is-a-file"),
    pytest.param(
        Case(
            'file(name="a", source="a/x.txt")\nfile(name="b", source="b/x.txt")\n'
            'relocated_files(name="ra", files_targets=[":a"], src="{here}/a", dest="etc")\n'
            'relocated_files(name="rb", files_targets=[":b"], src="{here}/b", dest="etc")\n'
            'oci_image(name="image", dependencies=[":ra", ":rb"])\n',
            ('"/etc/x.txt"', "{here}:ra", "{here}:rb"),
            files={"a/x.txt": "a", "b/x.txt": "b"},
        ),
        id="two-files-at-one-path",
    ),
    pytest.param(
        layer('symlinks={"{here}/file.txt": "/etc"}', '"/{here}/file.txt"', "{here}:file", "`symlinks`"),
        id="file-and-link-at-one-path",
    ),
    pytest.param(layer('symlinks={"/a": "/b", "/b": "/a"}', '"/a"', "/a → /b → /a"), id="links-in-a-loop"),
    pytest.param(
        layer('strip_prefix="elsewhere"', '"elsewhere"', '"{here}/file.txt"', "{here}:file"),
        id="prefix-that-no-file-has",
    ),
    pytest.param(layer('strip_prefix="/{here}"', '"/{here}"', "relative"), id="prefix-is-absolute"),
    pytest.param(layer('strip_prefix="../up"', "`strip_prefix`", '"../up"', '".."'), id="prefix-climbs-out"),
    pytest.param(image('directory="/a/../../b"', "`directory`", '"/a/../../b"', '".."'), id="directory-climbs-out"),
    pytest.param(image('directory="app"', "`directory`", '"app"', '"/app"'), id="directory-is-relative"),
    pytest.param(layer('symlinks={"../a": "/b"}', "`symlinks`", '"../a"', '".."'), id="link-climbs-out"),
    pytest.param(layer('symlinks={"/a": ""}', "`symlinks`", '"/a"'), id="link-to-nothing"),
    pytest.param(
        Case(
            'python_source(name="source", source="a.py")\noci_image(name="image", dependencies=[":source"])\n',
            ("{here}:source", "`python_source`", "`pex_binary`"),
            files={"a.py": ""},
        ),
        id="dependency-on-python-source",
    ),
    pytest.param(
        Case(
            f'{IMAGE}oci_image(name="other", dependencies=[":image"])\n',
            ("{here}:image", "`oci_image`", "`base`"),
            target="other",
        ),
        id="dependency-on-an-image",
    ),
    pytest.param(
        Case(
            'oci_layer(name="layer", symlinks={"/a": "/b"})\noci_image(name="image", dependencies=[":layer"])\n',
            ("{here}:layer", "`oci_layer`", "`layers`"),
        ),
        id="dependency-on-a-layer",
    ),
    pytest.param(
        Case(
            'oci_layer(name="layer")\noci_image(name="image", layers=[":layer"])\n',
            ("empty", "`dependencies`", "`symlinks`"),
            blamed="layer",
        ),
        id="empty-layer",
    ),
    pytest.param(Case('oci_image(name="image")\n', ("empty", "`dependencies`", "`base`")), id="empty-image"),
]

FIELDS = [
    pytest.param(image('platform="linux"', "`platform`", '"linux"', "linux/amd64"), id="platform"),
    pytest.param(image('ports=["http"]', "`ports`", '"http"', '"8080"'), id="port-by-name"),
    pytest.param(image('ports=["70000/tcp"]', "`ports`", '"70000/tcp"', "65535"), id="port-too-large"),
    pytest.param(image("ports=[8080]", "'ports'", "[8080]", "strings"), id="port-as-a-number"),
    pytest.param(image('ports="8080"', "'ports'", "'8080'", "strings"), id="ports-as-a-string"),
    pytest.param(image('env={"A=B": "c"}', "`env`", '"A=B"', '"="'), id="variable-name"),
    pytest.param(image('env={"": "c"}', "`env`", '""'), id="variable-without-a-name"),
    pytest.param(image('env={"A": 1}', "'env'", "{'A': 1}", "string -> string"), id="variable-as-a-number"),
    pytest.param(image('env=["A=b"]', "'env'", "['A=b']", "dictionary"), id="variables-as-a-list"),
    pytest.param(image('labels={" ": "x"}', "`labels`", '" "'), id="label-name"),
    pytest.param(image('annotations={"": "x"}', "`annotations`", '""'), id="annotation-name"),
    pytest.param(image('user="a b"', "`user`", '"a b"', '"uid:gid"'), id="user"),
    pytest.param(image('user="4294967296"', "`user`", '"4294967296"', "4294967294"), id="user-too-large"),
    pytest.param(image("user=1000", "'user'", "`1000`", "string"), id="user-as-a-number"),
    pytest.param(image('workdir="app"', "`workdir`", '"app"', "absolute"), id="workdir"),
    pytest.param(image('volumes=["data"]', "`volumes`", '"data"', "absolute"), id="volume"),
    pytest.param(image('stop_signal="TERM"', "`stop_signal`", '"TERM"', '"SIGTERM"'), id="stop-signal"),
    pytest.param(
        image('healthcheck={"test": "true", "interval": "30"}', "`healthcheck`", '"30"', '"30s"'), id="duration"
    ),
    pytest.param(image('healthcheck={"tests": "true"}', "`healthcheck`", '"tests"', "start_period"), id="check-key"),
    pytest.param(image('healthcheck={"interval": "5s"}', "`healthcheck`", "test", '"NONE"'), id="check-without-test"),
    pytest.param(image('healthcheck="true"', "`healthcheck`", "'true'", "dictionary"), id="check-as-a-string"),
    pytest.param(image('entrypoint="/app"', "'entrypoint'", "'/app'", "strings"), id="entrypoint-as-a-string"),
    pytest.param(image('pex_layers="many"', "'pex_layers'", "'many'", "'single'"), id="pex-layers"),
    pytest.param(image('base=[":file"]', "'base'", "string"), id="base-as-a-list"),
    pytest.param(image('bases=":file"', "bases", "Unrecognized field"), id="unknown-field"),
    pytest.param(layer('owner="www-data"', "`owner`", '"www-data"', '"1000:1000"'), id="owner"),
    pytest.param(layer('file_mode="rw-r--r--"', "`file_mode`", '"rw-r--r--"', '"0644"'), id="file-mode"),
    pytest.param(layer('directory_mode="0855"', "`directory_mode`", '"0855"', "octal"), id="directory-mode"),
    pytest.param(layer("file_mode=0o644", "'file_mode'", "`420`", "string"), id="mode-as-a-number"),
]

PUSHES = [
    pytest.param(push('repository="Shop/web"', "`repository`", '"Shop/web"', "lower case"), id="repository-upper-case"),
    pytest.param(push('repository="shop/../web"', "`repository`", '"shop/../web"'), id="repository-climbs-out"),
    pytest.param(push('repository=""', "`repository`", "empty"), id="repository-is-empty"),
    pytest.param(push('repository="{name}//x"', "`repository`", "push//x"), id="repository-with-an-empty-part"),
    pytest.param(push('image_tags=["-x"]', "`image_tags`", '"-x"'), id="tag"),
    pytest.param(push(f'image_tags=["{"x" * 129}"]', "`image_tags`", "128"), id="tag-too-long"),
    pytest.param(push('image_tags=["v1 beta"]', "`image_tags`", '"v1 beta"'), id="tag-with-a-space"),
    pytest.param(push("image_tags=[]", "`image_tags`", "empty", "name a tag"), id="no-tag"),
    pytest.param(push('image_tags="latest"', "'image_tags'", "'latest'", "strings"), id="tags-as-a-string"),
    pytest.param(
        push('image_tags=["{version}"]', "`image_tags`", "{version}", "git.sha", "env.NAME"), id="unknown-placeholder"
    ),
    pytest.param(
        push('repository="{version}"', "`repository`", "{version}", "git.sha", "env.NAME"),
        id="unknown-placeholder-in-repository",
    ),
    pytest.param(push('image_tags=["{git.tag}"]', "`image_tags`", "{git.tag}", "no tag"), id="commit-without-a-tag"),
    pytest.param(
        push('image_tags=["{env.NOPE}"]', "`image_tags`", "{env.NOPE}", "NOPE is not set"),
        id="variable-that-is-not-set",
    ),
    pytest.param(push('image_tags=["{name"]', "`image_tags`", "brace"), id="unbalanced-brace"),
    pytest.param(push('registries=["@nope"]', "`registries`", '"@nope"', "@local"), id="unknown-alias"),
    pytest.param(
        push('registries=["Not a host"]', "`registries`", '"Not a host"'), id="registry-that-is-not-an-address"
    ),
    pytest.param(
        push(
            'repository="ghcr.io/shop/web", registries=["@local"]',
            "`repository`",
            '"ghcr.io"',
            "`registries`",
            "leave one",
        ),
        id="host-and-registries",
    ),
    pytest.param(
        Case('oci_push(name="push", image=":none")\n', ("`image`", "{here}:none"), "publish", "push"),
        id="image-that-does-not-exist",
    ),
    pytest.param(
        Case(
            'file(name="file", source="file.txt")\noci_push(name="push", image=":file")\n',
            ("`image`", "{here}:file", "`file`", "`oci_image`"),
            "publish",
            "push",
        ),
        id="image-is-a-file",
    ),
    pytest.param(
        Case('oci_push(name="push")\n', ("'image'", "must be defined"), "publish", "push"), id="push-of-nothing"
    ),
]

INDEXES = [
    pytest.param(
        index('images=[":image", ":other"]', "{here}:image and {here}:other", '"linux/amd64"', "leave one out"),
        id="two-images-of-one-platform",
    ),
    pytest.param(
        index('images=[":both", ":image"]', "{here}:both@platform=linux/amd64 and {here}:image", '"linux/amd64"'),
        id="a-platform-that-a-parametrized-image-has",
    ),
    pytest.param(
        index('images=[":image", "{here}:image"]', "`images`", "{here}:image twice", "once"), id="an-image-twice"
    ),
    pytest.param(
        index('images=[":both@platform=linux/386"]', "`images`", "{here}:both@platform=linux/arm64"),
        id="a-platform-that-is-not-a-parameter",
    ),
    pytest.param(index("images=[]", "`images`", "empty", "`oci_image`"), id="an-index-of-nothing"),
    pytest.param(index("", "'images'", "must be defined"), id="an-index-without-images"),
    pytest.param(index('images=[":none"]', "`images`", "{here}:none", "does not exist"), id="no-such-image"),
    pytest.param(index('images=[":file", ":image"]', "{here}:file", "`file`", "`oci_image`"), id="an-index-of-a-file"),
    pytest.param(index('images=":image"', "'images'", "':image'", "strings"), id="images-as-a-string"),
    pytest.param(
        index('images=[":image"], annotations={"": "x"}', "`annotations`", '""'), id="annotation-name-of-an-index"
    ),
    pytest.param(
        Case(
            f'{IMAGE}oci_index(name="one", images=[":image"])\noci_index(name="index", images=[":one"])\n',
            ("{here}:one", "`oci_index`", "`oci_image`"),
            target="index",
        ),
        id="an-index-of-indexes",
    ),
    pytest.param(
        Case(
            'file(name="file", source="file.txt")\n'
            'oci_image(name="low", dependencies=[":file"], platform=parametrize("linux/amd64", "linux/arm64"))\n'
            'oci_image(name="image", base=":low", platform="linux/386")\n',
            ("`base`", '":low"', "parametrized", '"linux/386"', "{here}:low@platform=linux/arm64"),
        ),
        id="a-base-without-a-matching-parameter",
    ),
    pytest.param(
        Case(
            'file(name="file", source="file.txt")\n'
            'oci_image(name="image", dependencies=[":file"], platform=parametrize("linux/amd64", "linux/arm64"))\n'
            'oci_push(name="push", image=":image")\n',
            ("`image`", "{here}:image@platform=linux/amd64, {here}:image@platform=linux/arm64", "one", "`oci_index`"),
            "publish",
            "push",
        ),
        id="push-of-a-parametrized-image",
    ),
]

OPTIONS = [
    pytest.param(
        Case(IMAGE, ("[oci].compression", "no level 99", "1 to 12"), options=("--oci-compression=gzip:99",)), id="level"
    ),
    pytest.param(
        Case(IMAGE, ("[oci].compression", "lzma", "zstd"), options=("--oci-compression=lzma",)), id="compression"
    ),
    pytest.param(
        Case(
            IMAGE,
            ("--package-format", "'oci'", "tarball", "layout, archive"),
            blamed=None,
            options=("--oci-package-format=tarball",),
        ),
        id="package-format",
    ),
    pytest.param(
        push("", "[oci.registries.x]", "address", options=('--oci-registries={"x": {}}',)),
        id="registry-without-address",
    ),
    pytest.param(
        push("", "[oci.registries.x]", "table", options=('--oci-registries={"x": "ghcr.io"}',)), id="registry-as-text"
    ),
    pytest.param(
        push(
            "",
            "[oci.registries.x]",
            "adress",
            "extra_image_tags",
            options=('--oci-registries={"x": {"adress": "ghcr.io"}}',),
        ),
        id="registry-with-an-unknown-key",
    ),
    pytest.param(
        push(
            "",
            "[oci.registries.x].default",
            "'maybe'",
            options=('--oci-registries={"x": {"address": "ghcr.io", "default": "maybe"}}',),
        ),
        id="registry-default",
    ),
    pytest.param(
        push(
            "",
            "[oci.registries.x].extra_image_tags",
            "'latest'",
            options=('--oci-registries={"x": {"address": "oci:y", "default": True, "extra_image_tags": "latest"}}',),
        ),
        id="registry-tags-as-text",
    ),
    pytest.param(
        push(
            "",
            "[oci.registries.x].repository",
            "5",
            options=('--oci-registries={"x": {"address": "oci:y", "default": True, "repository": 5}}',),
        ),
        id="registry-repository-as-a-number",
    ),
    pytest.param(
        push(
            "",
            "no registry",
            "default = true",
            options=('--oci-registries={"local": {"address": "oci:z", "default": False}}',),
        ),
        id="no-default",
    ),
    pytest.param(
        push(
            "",
            "same address",
            "[oci.registries.x]",
            "[oci.registries.y]",
            options=('--oci-registries={"x": {"address": "oci:z"}, "y": {"address": "oci:z"}}',),
        ),
        id="same-address",
    ),
    pytest.param(
        push("", "[oci].default_repository", "{nope}", options=("--oci-default-repository={nope}",)),
        id="default-repository",
    ),
]

TABLE: list[ParameterSet] = [*BASES, *CONTENTS, *FIELDS, *PUSHES, *INDEXES, *OPTIONS]


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root(SETTINGS, WITH_PYTHON) as root:
        root.commit()
        for row in TABLE:
            assert isinstance(row.id, str)
            (case,) = row.values
            assert isinstance(case, Case)
            files = {"BUILD": case.build.replace("{here}", row.id), "file.txt": "x", **case.files}
            root.write({f"{row.id}/{name}": text for name, text in files.items()})
            if case.make:
                case.make(root.path / row.id)
        yield root


@pytest.mark.parametrize("case", TABLE)
def test_the_message_says_what_to_do(case: Case, root: BuildRoot, request: pytest.FixtureRequest) -> None:
    here = request.node.callspec.id
    result = root.pants(*case.options, case.goal, f"{here}:{case.target}", check=False)
    assert result.exit_code == 1, result
    text = message(result)
    for part in case.parts:
        assert part.replace("{here}", here) in text, result
    if case.blamed is not None:
        assert f"{here}:{case.blamed or case.target}" in text.splitlines()[0], result
    assert "Traceback" not in result.stdout + result.stderr, result
    assert not (root.path / "dist").exists()


def message(result: Result) -> str:
    """The error that Pants logged, without its traceback and the advice that follows."""
    _, _, rest = result.stderr.partition("[ERROR] ")
    assert rest, result
    text = rest.partition("Use --print-stacktrace")[0]
    _, found, reason = text.partition("Engine traceback:\n")
    return reason.partition("\n\n")[2] if found else text

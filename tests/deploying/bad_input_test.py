"""Wrong deployments. Messages name the target, the file and the line, what was found and what to do.

Each row is a directory of one build root, named after the row; `{here}` is that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from _pytest.mark import ParameterSet

from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root

SETTINGS = """
[oci.registries.one]
address = "one.example/team"
default = true

[oci.registries.two]
address = "two.example:5000"

[oci.registries.layouts]
address = "oci:dist/registry"
"""
IMAGE = """
file(name="file", source="file.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image")
oci_push(name="both", image=":image", registries=["@one", "@two", "@layouts"])
oci_push(name="layouts", image=":image", registries=["@layouts"])
oci_push(name="elsewhere", image=":image", registries=["oci:dist/other"])
oci_push(name="nowhere", image=":image", registries=[])
oci_push(name="many", image=":image", image_tags=parametrize(a=["a"], b=["b"]))
"""
GOOD = "image: pants://:push\n"


@dataclass(frozen=True)
class Case:
    """The text of `web.yaml`, more `fields` of the deployment, and the `parts` of the message that Pants prints."""

    text: str
    parts: tuple[str, ...]
    fields: str = ""
    goal: tuple[str, ...] = ("package",)
    # Whether the message starts with the deployment's address. Errors in options and errors of Pants itself do not.
    is_blamed: bool = True
    files: Mapping[str, str] = field(default_factory=dict)


def source(text: str, *parts: str, **others: object) -> Case:
    return Case(text, parts, **others)  # type: ignore[arg-type]


def fields(text: str, *parts: str, **others: object) -> Case:
    return Case(GOOD, parts, f", {text}", **others)  # type: ignore[arg-type]


ADDRESSES = [
    pytest.param(
        source("a: 1\nimage: pants://:image\n", "{here}/web.yaml:2:8", '"pants://:image"', "`oci_image`", "`oci_push`"),
        id="address-of-an-image",
    ),
    pytest.param(
        source("image: pants://:none\n", "{here}/web.yaml:1:8", '"pants://:none"', "{here}:none", "does not exist"),
        id="target-that-does-not-exist",
    ),
    pytest.param(
        source("image: 'pants://nowhere/else:push'\n", "{here}/web.yaml:1:8", "nowhere/else", "does not exist"),
        id="folder-that-does-not-exist",
    ),
    pytest.param(
        source("image: pants://:@@\n", "{here}/web.yaml:1:8", '"pants://:@@"'),
        id="invalid-address",
    ),
    pytest.param(
        source(
            "image: pants://:many\n",
            "{here}/web.yaml:1:8",
            "2 targets",
            "pants://{here}:many@image_tags=a",
            "pants://{here}:many@image_tags=b",
        ),
        id="address-of-several",
    ),
    pytest.param(
        source("image: pants://:push?part=version\n", "{here}/web.yaml:1:8", '"version"', '"digest"'), id="wrong-part"
    ),
    pytest.param(
        source("image: pants://:push?tag=1\n", "{here}/web.yaml:1:8", '"tag"', '"registry"', '"part"'),
        id="wrong-key",
    ),
    pytest.param(
        source(
            "- pants://:image\n- pants://:push?part=x\n- pants://:none\n- pants://:push\n",
            "3 errors:",
            "{here}/web.yaml:1:3",
            "{here}/web.yaml:2:3",
            "{here}/web.yaml:3:3",
        ),
        id="several-at-once",
    ),
    pytest.param(
        source("image: pants://:image\n", "{here}/web.yaml:1:8", "`oci_image`", goal=("dependencies",)),
        id="address-of-an-image-at-inference",
    ),
]

REGISTRIES = [
    pytest.param(
        source("image: pants://:nowhere\n", "{here}/web.yaml:1:8", "{here}:nowhere", "no registry", "`registries`"),
        id="push-to-no-registry",
    ),
    pytest.param(
        source(
            "image: pants://:layouts\n",
            "{here}/web.yaml:1:8",
            "oci:dist/registry (@layouts)",
            "no node can pull",
            "`pull_address` in [oci.registries.layouts]",
        ),
        id="push-to-layouts-alone",
    ),
    pytest.param(
        source("image: pants://:elsewhere\n", "oci:dist/other", "`pull_address` in an entry of [oci.registries]"),
        id="push-to-layouts-without-an-entry",
    ),
    pytest.param(
        source("image: pants://:both?registry=layouts\n", "{here}/web.yaml:1:8", "no node can pull", "`pull_address`"),
        id="layouts-are-chosen",
    ),
    pytest.param(
        source(
            "image: pants://:both\n",
            "{here}/web.yaml:1:8",
            "one.example/team (@one), two.example:5000 (@two).",
            '"pants://{here}:both?registry=one"',
            "`registry`",
        ),
        id="several-registries",
    ),
    pytest.param(
        source(
            "image: pants://:both?registry=three\n",
            "{here}/web.yaml:1:8",
            '"three"',
            "one.example/team (@one), two.example:5000 (@two)",
        ),
        id="registry-of-the-address-is-unknown",
    ),
    pytest.param(
        source("image: pants://:both\n", "{here}/web.yaml:1:8", '"@three"', "(@one)", fields=', registry="@three"'),
        id="registry-of-the-target-is-unknown",
    ),
    pytest.param(
        source(
            GOOD,
            "[oci.registries.x].pull_address",
            '"oci:y"',
            goal=('--oci-registries={"x": {"address": "oci:x", "pull_address": "oci:y", "default": True}}', "package"),
            is_blamed=False,
        ),
        id="pull-address-is-a-directory",
    ),
]

FILES = [
    pytest.param(
        source("a: 1\nb: [pants://:push\nc: 1\n", "{here}/web.yaml:3:"),
        id="invalid-yaml",
    ),
    pytest.param(
        source("image: pants://:push\nother: 1\nimage: web\n", "{here}/web.yaml:3:1", '"image"', "line 1", "line 3"),
        id="duplicate-keys",
    ),
    pytest.param(
        source(
            "{{ if .Values.x }}\nimage: pants://:push\n{{ end }}\n",
            "{here}/web.yaml:1:1",
            "template of a Helm chart",
            "`dependencies`",
        ),
        id="template",
    ),
    pytest.param(
        source(
            "image: pants://:push\nimage: 1\n",
            "2 errors:",
            "{here}/other.yaml:2:1",
            "{here}/web.yaml:2:1",
            fields=', sources=["*.yaml"]',
            files={"other.yaml": "image: [pants://:push\n"},
        ),
        id="two-files-at-once",
    ),
    pytest.param(
        fields('sources=["none.yaml"]', "`sources`", "none.yaml"),
        id="source-that-does-not-exist",
    ),
    pytest.param(
        fields('dependencies=[":image"]', "{here}:image", "`oci_image`", "`files`"), id="dependency-on-an-image"
    ),
    pytest.param(
        fields(
            'rendered_dir="../../out"', "`rendered_dir`", '"../../out"', "below the build root", goal=("oci-render",)
        ),
        id="rendered-outside",
    ),
    pytest.param(
        fields('rendered_dir="/tmp"', "`rendered_dir`", '"/tmp"', "below the build root", goal=("oci-render",)),
        id="rendered-is-absolute",
    ),
    pytest.param(
        fields('rendered_dir="."', "{here}/web.yaml", "`rendered_dir`", "`sources`", goal=("oci-render",)),
        id="rendered-has-the-sources",
    ),
    pytest.param(
        fields(
            'rendered_dir="rendered", sources=["**/*.yaml"]',
            "{here}/rendered/web.yaml",
            '"!rendered/**"',
            goal=("oci-render",),
            files={"rendered/web.yaml": "image: web\n"},
        ),
        id="sources-have-what-is-rendered",
    ),
    pytest.param(
        fields(
            'rendered_dir="rendered"',
            "{here}/rendered/web.yaml is missing",
            "`pants oci-render`",
            goal=("--oci-deployment-check", "package"),
        ),
        id="nothing-is-committed",
    ),
]

TABLE: list[ParameterSet] = [*ADDRESSES, *REGISTRIES, *FILES]


@pytest.fixture(scope="module")
def root() -> Iterator[BuildRoot]:
    with empty_build_root(SETTINGS) as root:
        for row in TABLE:
            (case,) = row.values
            assert isinstance(row.id, str)
            assert isinstance(case, Case)
            sources = "" if "sources=" in case.fields else ', sources=["web.yaml"]'
            build = f'{IMAGE}oci_deployment(name="deployment"{sources}{case.fields})\n'
            files = {"BUILD": build, "file.txt": "x", "web.yaml": case.text, **case.files}
            root.write({f"{row.id}/{name}": text for name, text in files.items()})
        root.commit()
        yield root


@pytest.mark.parametrize("case", TABLE)
def test_the_message_says_what_to_do(case: Case, root: BuildRoot, request: pytest.FixtureRequest) -> None:
    here = request.node.callspec.id
    result = root.pants(*case.goal, f"{here}:deployment", check=False)
    assert result.exit_code == 1, result
    text = message(result)
    for part in case.parts:
        assert part.replace("{here}", here) in text, result
    if case.is_blamed:
        assert f"{here}:deployment: " in text.splitlines()[0], result
    assert "Traceback" not in result.stdout + result.stderr, result
    assert root.git("status", "--short") == ""
    assert not list(root.path.glob(f"dist/{here}*"))


def message(result: Result) -> str:
    """The error that Pants logged, without its traceback and the advice that follows."""
    _, _, rest = result.stderr.partition("[ERROR] ")
    assert rest, result
    text = rest.partition("Use --print-stacktrace")[0]
    _, found, reason = text.partition("Engine traceback:\n")
    return reason.partition("\n\n")[2] if found else text

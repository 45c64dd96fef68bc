from __future__ import annotations

from typing import Any

import pytest

from ocikit.migrate.backend_oci import convert_backend_oci
from ocikit.migrate.build_reader import FoundTarget, read_build_file
from ocikit.migrate.convert import Conversion

DIGEST = "4" * 64
PULLED = (
    f'oci_pull_images(name="pulled", repository="gcr.io/x/python", variants={{"latest": "{DIGEST}"}}, '
    'architecture="arm64", os="linux")'
)
BUILD = f"""\
{PULLED}
pex_binary(name="app")
go_binary(name="tool")
file(name="text", source="x")
oci_image_build(name="built", base=["//:empty"], packages=[":app"])
"""


def _find(address: str) -> FoundTarget | None:
    found = read_build_file(BUILD, "web", "web/BUILD")
    return next((one for one in found if one.address == address), None)


def converted(text: str) -> Conversion:
    (found,) = read_build_file(text, "web", "web/BUILD")
    return convert_backend_oci(found, _find)


@pytest.mark.parametrize(
    "text, targets",
    [
        pytest.param(
            f'oci_pull_image(name="b", repository="gcr.io/x", digest="sha256:{DIGEST}", description="d")',
            [("oci_base", "b", {"image": "gcr.io/x", "digest": f"sha256:{DIGEST}", "description": "d"})],
            id="pulled",
        ),
        pytest.param(
            PULLED,
            [
                (
                    "oci_base",
                    "pulled-latest",
                    {"image": "gcr.io/x/python", "digest": f"sha256:{DIGEST}", "platforms": ["linux/arm64"]},
                )
            ],
            id="pulled-several",
        ),
        pytest.param(
            'oci_image_build(name="i", base=[":pulled#latest"], packages=[":app"], repository="r.example/i", tag="1", '
            'env=["A=b=c"], args=["x"])',
            [
                (
                    "oci_image",
                    "i",
                    {
                        "base": ":pulled-latest",
                        "dependencies": [":app"],
                        "args": ["x"],
                        "env": {"A": "b=c"},
                        "platform": "linux/arm64",
                    },
                ),
                ("oci_push", "i-push", {"image": ":i", "repository": "r.example/i", "image_tags": ["1"]}),
            ],
            id="image",
        ),
        pytest.param(
            'oci_image_build(name="i", base=["//:empty"], packages=[":tool"])',
            [("oci_image", "i", {"dependencies": [":tool"], "entrypoint": ["/tool"]})],
            id="on-nothing",
        ),
        pytest.param(
            'oci_image_build(name="i", base=[":built#latest"], layers=[":l"], entrypoint="/x")',
            [("oci_image", "i", {"base": ":built", "layers": [":l"], "entrypoint": ["/x"]})],
            id="on-an-image",
        ),
        pytest.param(
            'oci_python_image(name="i", base=["//y:z"], packages=[":app"])',
            [("oci_image", "i", {"base": "//y:z", "dependencies": [":app"]})],
            id="python",
        ),
        pytest.param(
            'oci_layer(name="l", packages=[":app"])',
            [("oci_layer", "l", {"dependencies": [":app"], "directory": "/web"})],
            id="layer-of-a-package",
        ),
        pytest.param(
            'oci_layer(name="l", packages=[":text"])',
            [("oci_layer", "l", {"dependencies": [":text"]})],
            id="layer-of-files",
        ),
    ],
)
def test_counterparts(text: str, targets: list[tuple[str, str, dict[str, Any]]]) -> None:
    conversion = converted(text)
    assert conversion.notes == ()
    found = [
        (one.kind, one.name, {key: value for key, value in one.fields.items() if value is not None})
        for one in conversion.targets
    ]
    assert found == targets


@pytest.mark.parametrize(
    "text, matters, advice",
    [
        pytest.param('oci_build_layer(name="x", commands="make")', True, "Pants runs nothing", id="build-layer"),
        pytest.param('oci_extract(name="x")', True, "does not extract files", id="extract"),
        pytest.param('oci_image_empty(name="x")', False, "without `base`", id="empty"),
        pytest.param('oci_image_build(name="x", commands="make")', True, "Pants runs nothing", id="commands"),
        pytest.param('oci_image_build(name="x", terminal=True)', False, "attaches the terminal", id="terminal"),
        pytest.param('oci_image_build(name="x", env=["A"])', True, '"A" has no value', id="variable"),
        pytest.param('oci_image_build(name="x", layers=[":l"])', False, "set it as `entrypoint`", id="of-a-layer"),
        pytest.param('oci_image_build(name="x", tag=env("T"))', True, 'env("T") cannot be read', id="no-value"),
        pytest.param('oci_image_build(name="x", env={"A": "b"})', True, "{'A': 'b'} cannot be read", id="type"),
        pytest.param('oci_python_image(name="x", main="a.pex")', False, "its own `entry_point`", id="main"),
        pytest.param('oci_pull_image(name="x", anonymous=True)', False, "requests are anonymous", id="anonymous"),
        pytest.param('oci_layer(name="x", packages=[":app", ":text"])', False, "puts packages into", id="two-places"),
    ],
)
def test_notes(text: str, matters: bool, advice: str) -> None:
    (note,) = converted(text).notes
    assert note.where == "web:x"
    assert note.matters == matters
    assert advice in note.advice

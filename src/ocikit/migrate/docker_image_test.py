from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ocikit.errors import InvalidInput
from ocikit.migrate.build_context import Context, ContextFile
from ocikit.migrate.build_file import Call, Target
from ocikit.migrate.build_reader import FoundTarget, read_build_file
from ocikit.migrate.convert import Conversion
from ocikit.migrate.docker_image import Surroundings, convert_docker_image

FILES: Mapping[str, str] = {
    "web/Dockerfile": "FROM python\nCOPY web/a /srv/\nCOPY web/app.pex /bin/app\n",
    "web/Other": 'ARG V=1\nFROM $V\nLABEL a=1 b=2\nCMD ["$V"]\n',
}
OTHERS = (
    *read_build_file('docker_image(name="up")', "base", "base/BUILD"),
    *read_build_file('pex_binary(name="app")', "web", "web/BUILD"),
)


def _context(root: str, folder: str, _dockerfile: str, _words: tuple[str, ...]) -> Context:
    front = "" if root else "web/"
    return Context(root, folder, {f"{front}a": ContextFile(f"{front}a")}, packages={"web/app.pex": "web:app"})


def _find(address: str) -> FoundTarget | None:
    return next((one for one in OTHERS if one.address == address), None)


def converted(fields: str, **around: Any) -> Conversion:
    (found,) = read_build_file(f"docker_image({fields})", "web", "web/BUILD")
    return convert_docker_image(found, Surroundings(FILES.get, _context, _find, **around))


def one(conversion: Conversion, kind: str) -> Target:
    (target,) = (target for target in conversion.targets if target.kind == kind)
    return target


def push_of(fields: str, **around: Any) -> dict[str, Any]:
    conversion = converted(f'name="x", source="Other", {fields}', **around)
    assert [note for note in conversion.notes if note.matters] == []
    fields_of_push = one(conversion, "oci_push").fields
    return {key: value for key, value in fields_of_push.items() if value is not None and key != "image"}


def test_the_dockerfile_is_converted_and_pushed() -> None:
    conversion = converted("")
    assert [(target.kind, target.name) for target in conversion.targets] == [
        ("oci_base", "web-python"),
        ("files", "web-a-files"),
        ("oci_layer", "web-a"),
        ("oci_layer", "web-app"),
        ("oci_image", "web-oci"),
        ("oci_push", "web-push"),
    ]
    layers = {target.name: target.fields for target in conversion.targets if target.kind == "oci_layer"}
    assert layers["web-a"]["strip_prefix"] == "web"
    assert (layers["web-app"]["dependencies"], layers["web-app"]["rename"]) == (["web:app"], {"app.pex": "app"})
    assert [str(note) for note in conversion.notes if "becomes layers" in note.advice]
    assert conversion.is_complete


@pytest.mark.parametrize(
    "fields, push",
    [
        pytest.param("", {"repository": "x"}, id="nothing"),
        pytest.param('repository="A/{name}"', {"repository": "a/x"}, id="name"),
        pytest.param('repository="a/{full_directory}"', {"repository": "a/{full_directory}"}, id="directory"),
        pytest.param('repository="a/{default_repository}"', {"repository": "a/x"}, id="default"),
        pytest.param(
            'image_tags=["1", "{build_args.V}"], extra_build_args=["V=2"]',
            {"repository": "x", "image_tags": ["1", "2"]},
            id="argument",
        ),
        pytest.param(
            'registries=["@a", "b.example"], skip_push=True',
            {"repository": "x", "registries": ["@a", "b.example"], "skip_push": True},
            id="registries",
        ),
    ],
)
def test_push(fields: str, push: dict[str, Any]) -> None:
    assert push_of(fields) == push


def test_the_default_repository() -> None:
    assert push_of("", default_repository="{directory}/{name}") == {"repository": "{directory}/x"}


def test_settings_of_the_image() -> None:
    conversion = converted(
        'name="x", source="Other", image_labels={"b": "3"}, extra_build_args=["V=busybox"], '
        'build_platform=["linux/arm64"], description="d", tags=["t"], target_stage="0"'
    )
    image = one(conversion, "oci_image").fields
    assert image["labels"] == {"a": "1", "b": "3"}
    assert (image["platform"], image["description"], image["tags"]) == ("linux/arm64", "d", ["t"])
    assert one(conversion, "oci_base").fields["image"] == "docker.io/library/busybox:latest"


def test_several_platforms_are_an_index() -> None:
    conversion = converted('name="x", source="Other", build_platform=["linux/amd64", "linux/arm64"]')
    assert one(conversion, "oci_image").fields["platform"] == Call("parametrize", ("linux/amd64", "linux/arm64"))
    assert one(conversion, "oci_index").fields == {"images": [":x-oci"]}
    assert one(conversion, "oci_push").fields["image"] == ":x-index"


@pytest.mark.parametrize("reference", ["base:up", "//base:up"])
def test_a_base_that_is_a_target(reference: str) -> None:
    conversion = converted(f'name="x", instructions=["ARG B={reference}", "FROM $B", "ENV A=1"]')
    assert one(conversion, "oci_image").fields["base"] == "base:up-oci"


def test_names_of_existing_targets_are_not_used_again() -> None:
    (found,) = read_build_file('docker_image(name="x", instructions=["FROM scratch", "COPY web/a /"])', "web", "BUILD")
    around = Surroundings(FILES.get, _context, _find)
    assert [target.name for target in convert_docker_image(found, around, ["x", "x-a"]).targets] == [
        "x-a-2-files",
        "x-a-2",
        "x-oci",
        "x-push",
    ]


def test_a_context_root_of_its_own() -> None:
    conversion = converted('name="x", instructions=["FROM scratch", "COPY a /"], context_root="./"')
    assert one(conversion, "files").fields["sources"] == ["a"]
    assert conversion.is_complete


@pytest.mark.parametrize(
    "fields, advice",
    [
        pytest.param('image_tags=["{pants.hash}"]', "use {digest}, the image's own", id="hash"),
        pytest.param('image_tags=["v{tags.base}"]', "write the tag out", id="tags"),
        pytest.param('repository="{build_args.NO}"', "set it with --build-arg", id="argument"),
        pytest.param('image_labels={"a": "{name}{directory}"}', "write the value out", id="label"),
        pytest.param('extra_build_args=["V"]', "V comes from the environment", id="from-the-environment"),
        pytest.param('output={"type": "local"}', "has no counterpart", id="output"),
        pytest.param('output_files=["x"]', "has no counterpart", id="output-files"),
        pytest.param('image_labels=["a"]', "['a'] cannot be read", id="type"),
        pytest.param('new_field="x"', "is an unknown field", id="unknown"),
        pytest.param('repository=env("X")', 'env("X") cannot be read', id="no-value"),
    ],
)
def test_notes_on_fields_without_counterpart_start_with_the_address(fields: str, advice: str) -> None:
    conversion = converted(f'name="x", source="Other", {fields}')
    assert [str(note).startswith("web:x: `") and advice in str(note) for note in conversion.notes if note.matters] == [
        True
    ]


@pytest.mark.parametrize("field", ["secrets", "ssh", "cache_to", "pull", "extra_run_args", "restartable"])
def test_fields_that_are_not_needed_are_hints(field: str) -> None:
    conversion = converted(f'name="x", source="Other", {field}=["x"]')
    assert [note.what for note in conversion.notes if not note.matters] == [f"`{field}`"]
    assert conversion.is_complete


def test_notes_on_the_dockerfile_have_address_and_line() -> None:
    conversion = converted('name="x", instructions=["FROM python", "RUN x"]')
    assert conversion.notes[0].where == "web:x: instructions:2"


@pytest.mark.parametrize(
    "fields, message",
    [
        ('name="x", source="Nope"', 'web:x: there is no "web/Nope", which `source` names'),
        ('name="x", instructions=["FORM x"]', 'web:x: instructions:1: "FORM" is not an instruction'),
        ('name="x", source="Other", build_platform="plan9"', 'web:x: "plan9" is not a platform'),
    ],
)
def test_errors(fields: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        converted(fields)
    assert message in str(caught.value)

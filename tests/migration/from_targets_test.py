"""BUILD files of other backends: converted, their images are packaged and published to the same references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.build_root import BuildRoot, Result
from support.build_root_pool import empty_build_root
from support.commands import DOCKER, ocikit, run
from support.dockerfiles import config_of_image, docker_build, files_of_image, make_base
from support.registry_container import Registry

pytestmark = pytest.mark.container

DOCKER_SETTINGS = """\
[docker.registries.ours]
address = "{address}"
default = true
extra_image_tags = ["{{directory}}"]

[oci]
docker_registries = true
"""
DOCKER_FILES = {
    "base/BUILD": 'docker_image(name="base", skip_push=True, repository="moving/{name}")\n',
    "base/Dockerfile": 'FROM {base}\nENV LEVEL=info\nENTRYPOINT ["sh", "-c"]\n',
    "web/BUILD": """\
file(name="text", source="text.txt")
archive(name="packed", format="tar", files=[":text"])
docker_image(
    name="web",
    dependencies=[":text", ":packed"],
    repository="shop/{name}",
    image_tags=["latest", "{build_args.VERSION}"],
    image_labels={"made.with": "pants"},
    extra_build_args=["VERSION=1.2"],
)
""",
    "web/Dockerfile": (
        "ARG BASE=base:base\nFROM $BASE\nARG VERSION\nLABEL version=$VERSION\nCOPY web/text.txt /srv/\n"
        'ADD web/packed.tar /srv/packed\nCMD ["cat /srv/text.txt; echo $LEVEL"]\n'
    ),
    "web/text.txt": "text\n",
}

BACKEND_OCI_FILES = {
    "web/BUILD": """\
oci_pull_images(
    name="shell",
    repository="{repository}",
    variants={{"1": "{digest}"}},
    architecture="amd64",
    os="linux",
)

file(name="text", source="text.txt")

oci_layer(name="texts", packages=[":text"])

oci_image_build(
    name="web",
    base=[":shell#1"],
    layers=[":texts"],
    entrypoint="cat",
    args=["web/text.txt"],
    env=["LEVEL=info"],
    repository="{address}/shop/theirs",
    tag="1.0",
)

oci_image_build(name="bare", base=["//:empty"], packages=[":text"])
""",
    "web/text.txt": "text of theirs\n",
}


def convert_targets(folder: Path, *arguments: str) -> Result:
    done = ocikit(folder, "convert-targets", *arguments)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def base(registry: Registry) -> str:
    name = f"{registry.address}/moving/shell:1"
    make_base(name)
    run(DOCKER, "push", "--quiet", name)
    return name


@pytest.fixture(scope="module")
def docker_root(tmp_path_factory: pytest.TempPathFactory, registry: Registry, base: str) -> Iterator[BuildRoot]:
    """A repository with targets of Pants's Docker backend, and the converted targets next to them."""
    with BuildRoot(tmp_path_factory.mktemp("docker"), DOCKER_SETTINGS.format(address=registry.address)) as root:
        settings = (root.path / "pants.toml").read_text()
        root.write({"pants.toml": settings.replace('"pants_oci"]', '"pants_oci", "pants.backend.docker"]')})
        root.write({name: text.replace("{base}", base) for name, text in DOCKER_FILES.items()})
        for folder in ("base", "web"):
            converted = convert_targets(root.path, folder)
            assert converted.exit_code == 0, converted
            with (root.path / folder / "BUILD").open("a") as file:
                file.write(converted.stdout)
        root.pants("oci-lock")
        yield root


def test_a_docker_image_is_published_to_docker_s_registries(docker_root: BuildRoot, registry: Registry) -> None:
    """Both kinds of targets coexist: the published image equals the one that Docker builds."""
    report = docker_root.path / "report.json"
    docker_root.pants("publish", "web:web-push", f"--publish-output={report}")
    references = [row["reference"] for entry in json.loads(report.read_text()) for row in entry["references"]]
    repository = f"{registry.address}/shop/web"
    assert sorted(references) == [f"{repository}:1.2", f"{repository}:latest", f"{repository}:web"]
    run(DOCKER, "pull", "--quiet", f"{repository}:1.2")

    context = docker_root.path.parent / "context"
    (context / "web").mkdir(parents=True)
    for name in ("web/text.txt", "web/packed.tar"):
        docker_root.pants("package", "web:packed")
        source = docker_root.path / ("dist" if name.endswith(".tar") else "") / name
        (context / name).write_bytes(source.read_bytes())
    (context / "Dockerfile").write_text((docker_root.path / "base/Dockerfile").read_text())
    docker_build(context, "localhost/moving-base")
    text = (docker_root.path / "web/Dockerfile").read_text().replace("base:base", "localhost/moving-base")
    (context / "Dockerfile").write_text(text.replace("ARG VERSION\n", "ARG VERSION=1.2\nLABEL made.with=pants\n"))
    docker_build(context, "localhost/moving-web")

    ours = f"{repository}:1.2"
    assert files_of_image(ours) == files_of_image("localhost/moving-web")
    assert config_of_image(ours) == config_of_image("localhost/moving-web")
    assert run(DOCKER, "run", "--rm", "--network=none", ours) == "text\ninfo\n"
    run(DOCKER, "image", "rm", "--force", ours, "localhost/moving-web", "localhost/moving-base")


@pytest.mark.parametrize(
    "options, messages",
    [
        pytest.param(
            ('--oci-registries={"ours": {"address": "oci:dist/x"}}',),
            ["[docker.registries.ours] and [oci.registries.ours]", 'the same alias "ours"', "remove it from"],
            id="one-alias",
        ),
        pytest.param(
            ('--docker-registries={"x": {"address": "oci:d", "default": True, "extra_image_tags": ["{pants.hash}"]}}',),
            ["[docker.registries.x].extra_image_tags", "there is no placeholder {pants.hash}", "digest, directory"],
            id="placeholder",
        ),
    ],
)
def test_errors_in_docker_s_registries_are_reported(
    docker_root: BuildRoot, options: tuple[str, ...], messages: list[str]
) -> None:
    result = docker_root.pants(*options, "publish", "web:web-push", check=False)
    assert result.exit_code == 1
    assert [message for message in ("web:web-push: ", *messages) if message not in result.stderr] == []
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def backend_oci_root(registry: Registry, base: str) -> Iterator[BuildRoot]:
    """A repository with targets of pants-backend-oci, converted in place."""
    pushed = run(DOCKER, "image", "inspect", "--format", "{{index .RepoDigests 0}}", base).strip()
    repository, _, digest = pushed.partition("@sha256:")
    with empty_build_root() as root:
        values = {"repository": repository, "digest": digest, "address": registry.address}
        root.write({name: text.format(**values) for name, text in BACKEND_OCI_FILES.items()})
        converted = convert_targets(root.path, "--write", "web/BUILD")
        assert (converted.exit_code, converted.stdout, converted.stderr) == (0, "", "")
        yield root


def test_targets_of_pants_backend_oci_are_packaged_and_published(
    backend_oci_root: BuildRoot, registry: Registry
) -> None:
    assert "oci_image_build" not in (backend_oci_root.path / "web/BUILD").read_text()
    backend_oci_root.pants("package", "::")
    assert (backend_oci_root.path / "dist/web/bare/oci-layout").is_file()
    backend_oci_root.pants("publish", "::")
    reference = f"{registry.address}/shop/theirs:1.0"
    run(DOCKER, "pull", "--quiet", reference)
    assert run(DOCKER, "run", "--rm", "--network=none", reference) == "text of theirs\n"
    assert "LEVEL=info" in config_of_image(reference)["Env"]
    run(DOCKER, "image", "rm", "--force", reference)


def test_docker_s_registries_need_docker_s_backend(backend_oci_root: BuildRoot) -> None:
    result = backend_oci_root.pants("--oci-docker-registries", "publish", "::", check=False)
    assert result.exit_code == 1
    assert 'which requires the backend "pants.backend.docker": enable it' in result.stderr
    assert "Traceback" not in result.stderr

"""Other tools read and run what `pants publish` and `pants package` write."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import schemas
from support.build_root import PROJECT, BuildRoot
from support.commands import DOCKER, run
from support.published import EXTRA_FILES, LONG_NAME, REPOSITORIES, Published, copy_base
from support.registry_container import Registry

pytestmark = pytest.mark.container

GREETING = (PROJECT / "examples/greeter/greeting.txt").read_text()
# Each engine has its own runtime; neither needs a network.
DOCKER_RUN = (DOCKER, "run", "--rm", "--network=none")
# Podman's default limits may exceed what root in a container can set; lower ones always work.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
PODMAN_RUN = ("podman", "run", "--rm", "--network=none", *LIMITS)

ETC = {"etc": "drwxr-xr-x 0:0", "etc/group": "-rw-r--r-- 0:0", "etc/passwd": "-rw-r--r-- 0:0"}
GREETER = {
    **ETC,
    "bin": "drwxr-xr-x 0:0",
    "bin/show": "-rwxr-xr-x 0:0",
    "etc/greeting.txt": "-rw-r--r-- 0:0",
}
ODD = {
    "srv": "drwxr-xr-x 0:0",
    "srv/odd": "drwxr-s--- 1000:2000",
    "srv/odd/run.sh": "-rw-r----- 1000:2000",
    "srv/odd/ünï code.txt": "-rw-r----- 1000:2000",
    f"srv/odd/{LONG_NAME}": "-rw-r----- 1000:2000",
    "srv/odd/near": "lrwxrwxrwx 1000:2000 -> run.sh",
    "usr": "drwxr-xr-x 0:0",
    "usr/bin": "drwxr-xr-x 0:0",
    "usr/bin/run": "lrwxrwxrwx 1000:2000 -> /srv/odd/run.sh",
}
SITE = {
    **ETC,
    "srv": "drwxr-xr-x 0:0",
    "srv/www": "drwxr-xr-x 0:0",
    "srv/www/index.html": "-rw-r--r-- 0:0",
    "srv/www/style.css": "-rw-r--r-- 0:0",
}


def application(programs: Iterable[str], *files: str) -> dict[str, str]:
    """The files of a Python application of the examples: its own, `files` in `/app`, and `programs` in `/app/bin`."""
    site = "lib/python3.9/site-packages"
    own = ("__main__.py", "pyvenv.cfg", f"{site}/_first_party.pth", "src/shop/__init__.py", "src/shop/prices.py")
    found = {f"app/{path.format(site=site)}": "-rw-r--r-- 0:0" for path in (*own, *files)}
    found.update((f"app/bin/{name}", "-rwxr-xr-x 0:0") for name in programs)
    found["app/bin/python"] = "lrwxrwxrwx 0:0 -> /usr/local/bin/python3.9"
    folders = {str(folder) for path in found for folder in Path(path).parents} - {"."}
    return {**ETC, **found, **dict.fromkeys(folders, "drwxr-xr-x 0:0")}


_METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")
API = application(
    ("bottle", "bottle.py"),
    "src/server.py",
    "{site}/bottle.py",
    *(f"{{site}}/bottle-0.13.4.dist-info/{name}" for name in (*_METADATA, "licenses/LICENSE")),
)
WORKER = application(
    ("tabulate",),
    "src/report.py",
    "{site}/tabulate/__init__.py",
    "{site}/tabulate/version.py",
    *(f"{{site}}/tabulate-0.9.0.dist-info/{name}" for name in (*_METADATA, "LICENSE")),
)


@pytest.fixture(scope="module")
def published(examples_root: BuildRoot, registry: Registry) -> Iterator[Published]:
    """The output of `pants publish ::`; the tools only read it."""
    examples_root.write(EXTRA_FILES)
    copy_base(registry, examples_root.path / "extra/base")
    destination = "oci:dist/interop"
    examples_root.pants(
        f"--oci-registries={{'here': {{'address': '{destination}', 'default': True}}}}", "publish", "::"
    )
    yield Published(examples_root, examples_root.path / "dist/interop")
    examples_root.restore()


def listing(folder: Path) -> dict[str, str]:
    """Mode, owner and link target of everything below a folder, by path."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        target = f" -> {os.readlink(path)}" if path.is_symlink() else ""
        found[str(path.relative_to(folder))] = (
            f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}{target}"
        )
    return found


def digest_of(published: Published, repository: str) -> str:
    index = json.loads((published.registry / repository / "index.json").read_bytes())
    names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in index["manifests"]}
    return str(names["latest"])


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_ocikit_verifies_the_layout(published: Published, repository: str) -> None:
    command = (sys.executable, "-m", "ocikit", "verify", published.reference(repository))
    assert run(*command, env={"PYTHONPATH": str(PROJECT / "src")}).endswith(": ok\n")


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_skopeo_inspects_the_layout(published: Published, repository: str) -> None:
    seen = json.loads(run("skopeo", "inspect", published.reference(repository)))
    assert seen["Digest"] == digest_of(published, repository)
    assert (seen["Os"], seen["Architecture"]) == ("linux", "amd64")


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_skopeo_copies_the_image_to_a_registry_with_the_same_digest(
    published: Published, registry: Registry, repository: str
) -> None:
    name = f"copied/{repository}"
    destination = f"docker://{registry.address}/{name}:latest"
    run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", published.reference(repository), destination)
    assert registry.digest(name) == digest_of(published, repository)


@pytest.mark.parametrize(
    "repository, expected",
    [
        pytest.param("examples/api", API, id="api"),
        pytest.param("examples/banner", {**GREETER, "etc/banner.txt": "-rw-r--r-- 0:0"}, id="banner"),
        pytest.param("examples/greeter", GREETER, id="greeter"),
        pytest.param("examples/site", SITE, id="site"),
        pytest.param("examples/worker", WORKER, id="worker"),
        pytest.param("extra/odd", ODD, id="owners-modes-links"),
    ],
)
def test_umoci_unpacks_files_modes_owners_and_links(
    published: Published, tmp_path: Path, repository: str, expected: dict[str, str]
) -> None:
    run("umoci", "unpack", "--image", f"{published.registry / repository}:latest", str(tmp_path / "bundle"))
    assert listing(tmp_path / "bundle/rootfs") == expected


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_the_documents_conform_to_the_specification(published: Published, repository: str) -> None:
    layout = published.registry / repository
    documents = {
        schemas.LAYOUT: (layout / "oci-layout").read_bytes(),
        schemas.INDEX: (layout / "index.json").read_bytes(),
    }
    documents[schemas.MANIFEST] = _blob(layout, digest_of(published, repository))
    config = json.loads(documents[schemas.MANIFEST])["config"]
    documents[config["mediaType"]] = _blob(layout, config["digest"])
    assert set(documents) == {schemas.LAYOUT, schemas.INDEX, schemas.MANIFEST, schemas.CONFIG}
    for media_type, document in documents.items():
        schemas.validate(document, media_type)
        schemas.validate_officially(document, media_type)


def test_podman_runs_the_image_from_the_directory(published: Published) -> None:
    reference = published.reference("examples/greeter")
    try:
        assert run(*PODMAN_RUN, reference) == GREETING
    finally:
        run("podman", "image", "rm", "--force", reference.replace("oci:/", "localhost/"))


def test_docker_runs_python_on_a_base_and_not_as_root(published: Published, registry: Registry) -> None:
    image = f"{registry.address}/runs/python:latest"
    source = published.reference("extra/python")
    run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", source, f"docker://{image}")
    try:
        assert run(*DOCKER_RUN, image) == "user  65532\n"
    finally:
        run(DOCKER, "image", "rm", "--force", image)


@pytest.fixture(scope="module")
def archive(published: Published) -> Path:
    """The archive that `package` writes."""
    published.root.pants("--oci-package-format=archive", "package", "examples/greeter:image")
    return published.root.path / "dist/examples.greeter/image.tar"


@pytest.fixture(params=[DOCKER, "podman"], ids=["docker", "podman"])
def loaded(request: Any, archive: Path) -> Iterator[tuple[str, str]]:
    """An engine, and the name that it gave the image from the archive."""
    engine = request.param
    name = run(engine, "load", "--input", str(archive)).split("Loaded image")[1].split(": ")[1].strip()
    yield engine, name
    run(engine, "image", "rm", "--force", name)


def test_engines_load_and_run_an_archive(loaded: tuple[str, str]) -> None:
    engine, name = loaded
    assert name.endswith("examples/greeter/image:latest")
    assert run(*(DOCKER_RUN if engine == DOCKER else PODMAN_RUN), name) == GREETING


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_skopeo_reads_an_archive(archive: Path, transport: str) -> None:
    seen = json.loads(run("skopeo", "inspect", f"{transport}:{archive}"))
    assert seen["Labels"] == {"org.opencontainers.image.title": "greeter"}


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()

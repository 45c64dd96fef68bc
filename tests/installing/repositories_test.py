"""Repositories of other projects, with the plugin from its wheel: one of shell scripts, one of Python."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.build_root import PROJECT, BuildRoot
from support.commands import DOCKER, image_from, run
from support.layouts import STRICT
from support.package_index import serve_index
from support.registry_container import Registry
from support.wheel import installed, project_wheel
from support.wheels import wheel

pytestmark = pytest.mark.container

# Wheels only in this index: a library, and an extra requirement for a user's own lock file.
COLOURS = wheel("pants_oci_test_colours", "1.0", {"colours.py": 'RED = "red"\n'})
MARKER = wheel("pants_oci_test_marker", "1.0", {"marker.py": ""})

SHELL = {
    "greeter/greet.sh": 'echo "hello from $(cat /greeter/version.txt)"\n',
    "greeter/BUILD": """\
shell_sources(name="scripts")

shell_command(
    name="version",
    command="echo release 7 >version.txt",
    output_files=["version.txt"],
)

run_shell_command(name="hello", command="echo hello from here")

files(name="files", sources=["busybox", "greet.sh"])

relocated_files(name="bin", files_targets=[":files"], src="greeter", dest="bin")

archive(name="archive", format="tar.gz", files=[":bin"])

oci_layer(name="links", symlinks={"/bin/cat": "busybox"})

oci_image(
    name="image",
    layers=[":links"],
    dependencies=[":archive", ":version"],
    entrypoint=["/bin/busybox", "sh", "/bin/greet.sh"],
    env={"PATH": "/bin"},
)

oci_push(name="push", image=":image")
""",
}

PYTHON_SETTINGS = """
[source]
root_patterns = ["/"]

[python]
interpreter_constraints = ["CPython==3.11.*"]
enable_resolves = true

[python.resolves]
python-default = "python-default.lock"

[python-infer]
use_rust_parser = true
"""
PYTHON = {
    "requirements.txt": "pants-oci-test-colours==1.0\n",
    "BUILD": """\
python_requirements(name="reqs", module_mapping={"pants-oci-test-colours": ["colours"]})
oci_base(name="python", image="REGISTRY/installing/python:3.11", python="/usr/bin/python3.11")
""",
    "helloworld/BUILD": """\
python_sources(name="lib", dependencies=[":translations"])

python_tests(name="tests")

resources(name="translations", sources=["*.json"])

pex_binary(name="pex_binary", entry_point="main.py")

oci_image(name="image", base="//:python", dependencies=[":pex_binary"])

oci_push(name="push", image=":image")
""",
    "helloworld/__init__.py": "",
    "helloworld/translations.json": '{"hello": "hallo"}',
    "helloworld/greeting.py": """\
import json
import pkgutil

from colours import RED


def greeting() -> str:
    return json.loads(pkgutil.get_data(__name__, "translations.json"))["hello"] + " in " + RED
""",
    "helloworld/greeting_test.py": """\
from helloworld.greeting import greeting


def test_greeting() -> None:
    assert greeting() == "hallo in red"
""",
    "helloworld/main.py": "from helloworld.greeting import greeting\n\nprint(greeting())\n",
}


@dataclass(frozen=True)
class Index:
    """A package index; `taken` returns the paths requested since the last call, without the plugin itself."""

    url: str
    requested: list[str] = field(repr=False)

    def taken(self) -> set[str]:
        paths = {path for path in self.requested if "pants-oci/" not in path and "/pants_oci-" not in path}
        self.requested.clear()
        return paths


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("index")
    shutil.copy(project_wheel(), folder)
    for name, data in {**COLOURS, **MARKER}.items():
        (folder / name).write_bytes(data)
    requested: list[str] = []
    with serve_index(folder, requested) as url:
        yield Index(url, requested)


def registry_settings(registry: Registry) -> str:
    return f'\n[oci.registries.ours]\naddress = "{registry.address}"\ndefault = true\n'


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, index: Index, registry: Registry) -> Iterator[BuildRoot]:
    settings, plugin = installed(index.url, "pants.backend.shell")
    with BuildRoot(tmp_path_factory.mktemp("shell"), settings + registry_settings(registry), plugin) as root:
        busybox = Path(shutil.which("busybox") or "busybox-static is missing; ./test installs it")
        root.write({**SHELL, "greeter/busybox": busybox.read_bytes()})
        yield root


def docker_run(image: str) -> str:
    run(DOCKER, "pull", "--quiet", image)
    try:
        return run(DOCKER, "run", "--rm", *STRICT, image)
    finally:
        run(DOCKER, "image", "rm", "--force", image)


def test_a_repository_without_python(shell: BuildRoot, index: Index, registry: Registry) -> None:
    """The tool's requirements are fetched only when a goal needs them."""
    index.taken()
    assert "greeter:push" in shell.pants("list", "::").stdout.split()
    assert "`oci_image` target" in shell.pants("help", "oci_image").stdout
    shell.pants("package", "greeter:archive")
    assert shell.pants("run", "greeter:hello").stdout == "hello from here\n"
    assert index.taken() == set()
    reference = f"{registry.address}/greeter:latest"
    assert f"✓ {reference} published." in shell.pants("publish", "::").stderr
    assert {"/simple/requests/", "/simple/zstandard/"} <= index.taken()
    assert docker_run(reference) == "hello from release 7\n"
    assert f"- {reference} skipped (unchanged: " in shell.pants("publish", "::").stderr


def test_the_tool_from_the_users_own_resolve(shell: BuildRoot, index: Index) -> None:
    index.taken()
    ((name, data),) = MARKER.items()
    lock = (PROJECT / "pants-plugins/pants_oci/ocikit.lock").read_text()
    pinned = f"pants-oci-test-marker==1.0 --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
    shell.write({"tools.lock": lock + pinned})
    shell.pants(
        "--python-enable-resolves",
        '--python-resolves={"tools": "tools.lock"}',
        "--ocikit-install-from-resolve=tools",
        "package",
        "greeter:image",
    )
    assert f"/files/{name}" in index.taken()


def test_a_python_repository(tmp_path: Path, index: Index, registry: Registry) -> None:
    base = f"{registry.address}/installing/python:3.11"
    run(DOCKER, "tag", image_from("TEST_PYTHON_IMAGE"), base)
    run(DOCKER, "push", "--quiet", base)
    run(DOCKER, "image", "rm", base)
    settings, plugin = installed(index.url, "pants.backend.python")
    with BuildRoot(tmp_path / "root", settings + PYTHON_SETTINGS + registry_settings(registry), plugin) as root:
        root.write({**PYTHON, "BUILD": PYTHON["BUILD"].replace("REGISTRY", registry.address)})
        root.pants("generate-lockfiles")
        root.pants("oci-lock")
        root.pants("test", "::")
        reference = f"{registry.address}/helloworld:latest"
        assert f"✓ {reference} published." in root.pants("publish", "::").stderr
        assert docker_run(reference) == "hallo in red\n"
        assert f"- {reference} skipped (unchanged: " in root.pants("publish", "::").stderr

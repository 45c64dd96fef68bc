"""The examples and two more images, published to a directory for other tools to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.build_root import BuildRoot
from support.commands import DOCKER, image_from, need_engine, run
from support.registry_container import Registry

# Features that no example has: another owner, other modes, links, a base, a name that needs a PAX header.
_BUILD = """\
files(name="files", sources=["ünï code.txt", "run.sh"])
file(name="long", source="{long}")
oci_layer(
    name="odd",
    dependencies=[":files", ":long"],
    strip_prefix="extra",
    directory="/srv/odd",
    owner="1000:2000",
    file_mode="0640",
    directory_mode="2750",
    symlinks={{"/usr/bin/run": "/srv/odd/run.sh", "near": "run.sh"}},
)
oci_image(name="odd-image", layers=[":odd"])
oci_push(name="odd-push", image=":odd-image", repository="extra/odd")

oci_base(name="python", path="base")
python_sources(resolve="examples")
pex_binary(name="table", entry_point="table.py", resolve="examples")
oci_image(
    name="python-image",
    base=":python",
    dependencies=[":table"],
    pex_layers="single",
    directory="/app",
    entrypoint=["python3", "/app/table.pex"],
    env={{"PEX_ROOT": "/tmp/pex"}},
    user="65532:65532",
)
oci_push(name="python-push", image=":python-image", repository="extra/python")
"""
LONG_NAME = f"{'a' * 120}.txt"
_TABLE = 'import os\n\nfrom tabulate import tabulate\n\nprint(tabulate([["user", os.getuid()]], tablefmt="plain"))\n'
EXTRA_FILES = {
    "extra/BUILD": _BUILD.format(long=LONG_NAME),
    "extra/ünï code.txt": "text\n",
    "extra/run.sh": "#!/bin/sh\n",
    f"extra/{LONG_NAME}": "long\n",
    "extra/table.py": _TABLE,
}

REPOSITORIES = (
    "examples/api",
    "examples/banner",
    "examples/greeter",
    "examples/site",
    "examples/worker",
    "extra/odd",
    "extra/python",
)


@dataclass(frozen=True)
class Published:
    """Published images. `registry` is a directory of image layouts, one for each of `REPOSITORIES`, tagged `latest`."""

    root: BuildRoot
    registry: Path

    def reference(self, repository: str) -> str:
        return f"oci:{self.registry / repository}:latest"


def copy_base(registry: Registry, layout: Path) -> None:
    """Write an image layout of the Python image that `./test` provides, with other tools."""
    need_engine()
    image, copy = image_from("TEST_PYTHON_IMAGE"), f"{registry.address}/base/python:1"
    run(DOCKER, "tag", image, copy)
    try:
        run(DOCKER, "push", "--quiet", copy)
    finally:
        run(DOCKER, "image", "rm", copy)
    run("skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{copy}", f"oci:{layout}:latest")

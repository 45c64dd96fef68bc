"""The images of OCI layouts that `package` wrote: read without our code, and run."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from support.commands import DOCKER, image_from, need_engine, run

# An application must start with a read-only root and as an arbitrary user.
STRICT = ("--read-only", "--user", "1000:1000", "--network=none")


def python_base(layout: Path) -> None:
    """Write a layout of the Python image that `./test` provides."""
    need_engine()
    run("skopeo", "copy", "--quiet", f"docker-daemon:{image_from('TEST_PYTHON_IMAGE')}", f"oci:{layout}:latest")


@dataclass(frozen=True)
class LayoutImage:
    """The one image of the layout in `path`."""

    path: Path

    @cached_property
    def digest(self) -> str:
        (descriptor,) = json.loads((self.path / "index.json").read_text())["manifests"]
        return str(descriptor["digest"])

    @cached_property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(self.digest))
        return document

    @cached_property
    def config(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(self.manifest["config"]["digest"]))
        return document

    @property
    def layers(self) -> list[str]:
        return [layer["digest"] for layer in self.manifest["layers"]]

    def blob(self, digest: str) -> bytes:
        return (self.path / "blobs" / digest.replace(":", "/")).read_bytes()

    def files(self, digest: str) -> dict[str, bytes]:
        """The files of a layer; the content of a link is its target."""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(self.blob(digest)))) as tar:
            return {
                member.name: member.linkname.encode() if member.issym() else tar.extractfile(member).read()  # type: ignore[union-attr]
                for member in tar
                if not member.isdir()
            }

    def run(self, *arguments: str, options: Iterable[str] = STRICT) -> subprocess.CompletedProcess[str]:
        """Run the image with Docker, without a writable folder unless `options` add one."""
        name = f"localhost/pants-oci-test:{self.digest[7:19]}"
        run("skopeo", "copy", "--quiet", f"oci:{self.path}", f"docker-daemon:{name}")
        try:
            return subprocess.run(
                [DOCKER, "run", "--rm", *options, name, *arguments], capture_output=True, text=True, check=False
            )
        finally:
            run(DOCKER, "image", "rm", "--force", name)

"""The tools: Pants with this plugin, and the peers that it is compared with."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.build_files import Image
from bench.cases import Edition
from support.build_root import BuildRoot

DOCKER = "/usr/bin/docker"
SKOPEO = "skopeo"


@dataclass(frozen=True)
class Export:
    """The images of an edition as layouts, written by `pants package`."""

    folder: Path

    def layout(self, image: Image) -> Path:
        return self.folder / str(image.number)

    def layers(self, images: Sequence[Image]) -> dict[str, int]:
        """The sizes of all layers, by digest."""
        return {digest: size for image in images for digest, size in layers_of(self.layout(image)).items()}

    def sizes(self, images: Sequence[Image]) -> dict[str, int]:
        """The sizes of everything that a registry must have, manifests too, by digest."""
        return {
            f"sha256:{blob.name}": blob.stat().st_size
            for image in images
            for blob in (self.layout(image) / "blobs/sha256").iterdir()
        }


def manifest_of(layout: Path) -> Path:
    """The manifest of a layout's only image."""
    (descriptor,) = json.loads((layout / "index.json").read_text())["manifests"]
    digest: str = descriptor["digest"]
    return layout / "blobs" / digest.replace(":", "/")


def layers_of(layout: Path) -> dict[str, int]:
    """The sizes of an image's layers, by digest."""
    return {layer["digest"]: layer["size"] for layer in json.loads(manifest_of(layout).read_text())["layers"]}


@dataclass(frozen=True)
class Push:
    """The images to push, and the registry. `specs`: their specs for Pants."""

    images: Sequence[Image]
    specs: Sequence[str]
    export: Export
    edition: Edition
    address: str

    def reference(self, image: Image) -> str:
        return f"{self.address}/{image.repository}:{self.edition.tag}"


class Tool(Protocol):
    # Whether it uploads the layers of the layouts unchanged, so that it finds the push of another tool unchanged.
    same_bytes: bool

    def prepare(self, push: Push) -> None:
        """Do what is not counted."""

    def push(self, push: Push) -> None: ...

    def daemons(self) -> tuple[int, ...]:
        """The ids of processes that work for the tool but were not started by it."""


class Pants:
    same_bytes = True

    def __init__(self, root: BuildRoot) -> None:
        self._root = root

    def prepare(self, push: Push) -> None:
        """Do nothing: the build root has the edition already."""

    def push(self, push: Push) -> None:
        self._root.pants("publish", *push.specs, env={"TAG": push.edition.tag})

    def daemons(self) -> tuple[int, ...]:
        return tuple(int(file.read_text()) for file in self._root.path.glob(".pids/**/pantsd/pid"))


class Skipping(Pants):
    """Pants with `skip_push` on every push target: the cost of the goal without the plugin's work."""

    def prepare(self, push: Push) -> None:
        self.push(push)


class Command:
    """A tool that takes a layout and a reference, `jobs` at a time, without credentials and caches."""

    same_bytes = True

    def __init__(self, scratch: Path, jobs: int, *command: str) -> None:
        self._scratch = scratch
        self._jobs = jobs
        self._command = command

    def prepare(self, push: Push) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()

    def push(self, push: Push) -> None:
        pairs = [(str(push.export.layout(image)), push.reference(image)) for image in push.images]
        _run_parallel(self._jobs, self._command_line(), pairs, clean_environment(self._scratch))

    def daemons(self) -> tuple[int, ...]:
        return ()

    def _command_line(self) -> str:
        return " ".join(map(shlex.quote, self._command)) + ' "$0" "$1"'


class Skopeo(Command):
    def __init__(self, scratch: Path, jobs: int) -> None:
        super().__init__(scratch, jobs, SKOPEO)

    def _command_line(self) -> str:
        return f"{SKOPEO} copy --quiet --preserve-digests --dest-tls-verify=false oci:$0 docker://$1"


class Docker(Command):
    """Docker compresses layers itself, so its blobs differ from ours. Images are loaded once, which is not counted."""

    same_bytes = False

    def __init__(self, scratch: Path, jobs: int) -> None:
        super().__init__(scratch, jobs, DOCKER)
        self._loaded: dict[str, str] = {}
        self._tagged: dict[str, str] = {}

    def prepare(self, push: Push) -> None:
        super().prepare(push)
        for image in push.images:
            manifest = manifest_of(push.export.layout(image)).name
            if manifest not in self._loaded:
                name = f"bench-{image.number}:{manifest[:12]}"
                run(SKOPEO, "copy", "--quiet", f"oci:{push.export.layout(image)}", f"docker-daemon:{name}")
                self._loaded[manifest] = name
            name, reference = self._loaded[manifest], push.reference(image)
            if self._tagged.get(reference) != name:
                run(DOCKER, "tag", name, reference)
                self._tagged[reference] = name

    def daemons(self) -> tuple[int, ...]:
        return (int(Path("/var/run/docker.pid").read_text()),)

    def remove_images(self) -> None:
        names = [*self._tagged, *self._loaded.values()]
        for start in range(0, len(names), 100):
            run(DOCKER, "image", "rm", "--force", *names[start : start + 100])

    def _command_line(self) -> str:
        return f"{DOCKER} push --quiet $1"


@contextmanager
def peers(names: Sequence[str], crane: str | None, folder: Path) -> Iterator[dict[str, Tool]]:
    """The tools of these names that are on this machine."""
    docker = Docker(folder / "docker", 8)
    known: dict[str, Tool] = {
        "skopeo one by one": Skopeo(folder / "skopeo", 1),
        "skopeo at 8": Skopeo(folder / "skopeo", 8),
    }
    if crane:
        known["crane at 8"] = Command(folder / "crane", 8, crane, "push")
    if subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode == 0:
        known["docker at 8"] = docker
    try:
        yield {name: known[name] for name in names if name in known}
    finally:
        docker.remove_images()


def clean_environment(scratch: Path) -> dict[str, str]:
    """An empty home: no credentials, and an empty blob info cache of skopeo."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "DOCKER_CONFIG": str(scratch / "nobody"),
        "XDG_DATA_HOME": str(scratch / "data"),
        # As root, skopeo would otherwise use the cache of the machine.
        "_CONTAINERS_ROOTLESS_UID": "65534",
    }


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def _run_parallel(jobs: int, command: str, pairs: Sequence[tuple[str, str]], environment: dict[str, str]) -> None:
    """Run a shell command for each pair, which it gets as $0 and $1, `jobs` at a time."""
    done = subprocess.run(
        ["xargs", "-n2", f"-P{jobs}", "sh", "-c", f"exec {command}"],
        input="".join(f"{one} {other}\n" for one, other in pairs),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"

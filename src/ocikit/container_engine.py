"""Docker and Podman through their command lines: find images and layers, load and tag images.

Docker reads a tar from its standard input while we write it; Podman reads the layout itself if it can. Docker's older
store (since 2013) identifies a layer by its diff ID and those below it, and skips a layer that it has in the tar. So
the lowest layers can be left out if an image of the engine has them. The containerd store needs all layers.
Source: moby, image/tarexport/load.go.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ocikit import program
from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.image.build import shared_layers
from ocikit.spec import canonical_json
from ocikit.spec.digest import Digest
from ocikit.store.archive import archive_chunks

ENGINES = ("docker", "podman")
AUTO = "auto"
# Limits for an engine that hangs. One that has to start first takes a while; large images take minutes to unpack.
QUESTION_SECONDS, LOAD_SECONDS = 120.0, 3600.0
# What `docker info` prints if Docker uses the containerd image store.
_CONTAINERD_STORE = "io.containerd.snapshotter"


@dataclass(frozen=True)
class Engine:
    """An engine's command line: `kind` is one of ENGINES, `path` its executable. Raises only OcikitError."""

    kind: str
    path: str

    def find(self, names: Iterable[str]) -> str | None:
        """Return the ID of the first of `names` that the engine has, None if it has none. Raises if it fails."""
        for name in names:
            done = self._run("image", "inspect", "--format", "{{.Id}}", name)
            if done.returncode == 0:
                return done.stdout.decode(errors="replace").strip()
            if not _is_missing(done.stderr):
                raise OcikitError(f"{self.kind} does not answer: {_message(done)}")
        return None

    def known_layers(self, diff_ids: Sequence[str]) -> int:
        """Count the lowest layers that `load` can leave out, because the engine has them and looks for them."""
        if self.kind != "docker":
            return 0
        images = self._answer("image", "ls", "--quiet", "--no-trunc").split()
        if not images:
            return 0
        # If an image was removed meanwhile, the command fails, but it still prints the others.
        done = self._run("image", "inspect", "--format", "{{json .RootFS.Layers}}", *dict.fromkeys(images))
        known = max((shared_layers(diff_ids, _layers(line)) for line in done.stdout.splitlines() if line), default=0)
        if known and _CONTAINERD_STORE in self._answer("info", "--format", "{{json .DriverStatus}}"):
            return 0
        return known

    def load(self, layout: str, image: Digest, name: str, without: frozenset[Digest] = frozenset()) -> None:
        """Load the image of a layout into the engine under the name `name`.

        `without`: layers that the layout need not contain. `layout` is a relative path equal to `name` without its tag:
        old Podmans name an image after its directory.
        """
        # A remote Podman does not accept directories.
        load = partial(self._run, "load", "--quiet", seconds=LOAD_SECONDS)
        if self.kind == "podman" and not load("--input", layout).returncode:
            return
        done = load(data=archive_chunks(layout, image, name, without))
        if done.returncode:
            raise OcikitError(f"{self.kind} did not load the image: {_last_line(done.stderr)}")

    def tag(self, image: str, name: str) -> None:
        """Give the image the name `name`."""
        self._answer("tag", image, name)

    def _answer(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise OcikitError(f"`{self.kind} {arguments[0]}` failed: {_message(done)}")
        return done.stdout.decode(errors="replace")

    def _run(
        self, *arguments: str, data: Iterable[bytes] = (), seconds: float = QUESTION_SECONDS
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return program.run([self.path, *arguments], data=data, seconds=seconds)
        except program.Unfinished as error:
            raise OcikitError(f"{self.kind} does not answer: {error}.") from None
        except OSError as error:
            raise OcikitError(f'"{self.path}" cannot be started: {error.strerror}.') from None


def engines(kind: str, environ: Mapping[str, str]) -> tuple[Engine, ...]:
    """Find engines of a `kind` (one of ENGINES, or AUTO for any) on the PATH; raises InvalidInput if there is none."""
    kinds = ENGINES if kind == AUTO else (kind,)
    path = environ.get("PATH", os.defpath)
    found = tuple(Engine(kind, place) for kind in kinds if (place := shutil.which(kind, path=path)))
    if not found:
        names = " or ".join(f'"{kind}"' for kind in kinds)
        raise InvalidInput(f"no container engine: expected {names} on the PATH ({path}), found none; install one.")
    return found


def _layers(line: bytes) -> list[Any]:
    """Parse the layers of one image; empty if it has none (null)."""
    with suppress(InvalidContent):
        return canonical_json.loads_list(line, "the layers")
    return []


def _is_missing(errors: bytes) -> bool:
    """Whether an engine reports a missing image; both engines report it only in their text."""
    text = errors.lower()
    return any(words in text for words in (b"no such image", b"image not known", b"not find image", b"no such object"))


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    return _last_line(done.stderr or done.stdout) or f"exit code {done.returncode}."


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""

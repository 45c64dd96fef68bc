"""Container engines, Docker and Podman, through their command lines: what they have, and how an image gets there.

Docker is given a tar on its standard input, written while it reads; Podman reads the layout itself where it can. Docker
(the store it has had since 2013) finds a layer that it has by what is below it, and then does not look into the tar:
so the lowest layers, where some image of the engine has them, can be left out. The containerd store needs all of them.
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

from ocikit import canonical_json, program
from ocikit.archive import archive_chunks
from ocikit.digest import Digest
from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.image import shared_layers

ENGINES = ("docker", "podman")
AUTO = "auto"
# An engine that has to start first takes some; one that hangs is not waited for. Large images are unpacked for minutes.
QUESTION_SECONDS, LOAD_SECONDS = 120.0, 3600.0
# How `docker info` tells that it keeps images in containerd's store.
_CONTAINERD_STORE = "io.containerd.snapshotter"


@dataclass(frozen=True)
class Engine:
    """A command line: `kind` is one of ENGINES, `path` where it is. Raises OcikitError only."""

    kind: str
    path: str

    def find(self, names: Iterable[str]) -> str | None:
        """The ID of the first image that the engine has under one of `names`. Raises when it does not answer."""
        for name in names:
            done = self._run("image", "inspect", "--format", "{{.Id}}", name)
            if done.returncode == 0:
                return done.stdout.decode(errors="replace").strip()
            if not _is_missing(done.stderr):
                raise OcikitError(f"{self.kind} does not answer: {_told(done)}")
        return None

    def known_layers(self, diff_ids: Sequence[str]) -> int:
        """How many of the lowest layers `load` can do without, because the engine has them and looks for them."""
        if self.kind != "docker":
            return 0
        images = self._answer("image", "ls", "--quiet", "--no-trunc").split()
        if not images:
            return 0
        # One that is removed in the meantime is an error to the command, and nothing to us.
        told = self._run("image", "inspect", "--format", "{{json .RootFS.Layers}}", *dict.fromkeys(images))
        known = max((shared_layers(diff_ids, _layers(line)) for line in told.stdout.splitlines() if line), default=0)
        if known and _CONTAINERD_STORE in self._answer("info", "--format", "{{json .DriverStatus}}"):
            return 0
        return known

    def load(self, layout: str, image: Digest, name: str, without: frozenset[Digest] = frozenset()) -> None:
        """Give the engine the image of the layout below the name `name`.

        `without`: layers that the layout need not have. `layout` is a relative path that is equal to `name` without its
        tag: old Podmans call an image what its directory is called.
        """
        # A Podman that works on another machine takes no directories.
        load = partial(self._run, "load", "--quiet", seconds=LOAD_SECONDS)
        if self.kind == "podman" and not load("--input", layout).returncode:
            return
        done = load(data=archive_chunks(layout, image, name, without))
        if done.returncode:
            raise OcikitError(f"{self.kind} did not load the image: {_last_line(done.stderr)}")

    def tag(self, image: str, name: str) -> None:
        """Let `name` name the image."""
        self._answer("tag", image, name)

    def _answer(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise OcikitError(f"`{self.kind} {arguments[0]}` failed: {_told(done)}")
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


def engines(wanted: str, environ: Mapping[str, str]) -> tuple[Engine, ...]:
    """The engines that `wanted` (one of ENGINES, or AUTO) stands for, on the PATH; raises InvalidInput for none."""
    kinds = ENGINES if wanted == AUTO else (wanted,)
    path = environ.get("PATH", os.defpath)
    found = tuple(Engine(kind, place) for kind in kinds if (place := shutil.which(kind, path=path)))
    if not found:
        names = " or ".join(f'"{kind}"' for kind in kinds)
        raise InvalidInput(f"no container engine: wanted {names}, found none on the PATH ({path}); install one.")
    return found


def _layers(line: bytes) -> list[Any]:
    """The layers of one image; none of one that has none (null)."""
    with suppress(InvalidContent):
        return canonical_json.loads_list(line, "the layers")
    return []


def _is_missing(errors: bytes) -> bool:
    """Whether an engine says that it has no such image; both say it in words only."""
    text = errors.lower()
    return any(words in text for words in (b"no such image", b"image not known", b"not find image", b"no such object"))


def _told(done: subprocess.CompletedProcess[bytes]) -> str:
    return _last_line(done.stderr or done.stdout) or f"exit code {done.returncode}."


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""

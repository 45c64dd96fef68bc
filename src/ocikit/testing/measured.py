"""Measure the memory and time of commands, and make images of any blobs to run them on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ocikit
from ocikit.image.build import Image
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.store.layout import Layout
from ocikit.testing.images import LINUX, push_image

_SOURCES = str(Path(ocikit.__file__).parent.parent)
# A small process in between: a child's peak memory starts with its parent's.
_MEASURE = """
import json, resource, subprocess, sys
with open("stdout", "wb") as output, open("stderr", "wb") as errors:
    code = subprocess.call([sys.executable, "-m", "ocikit", *sys.argv[1:]], stdout=output, stderr=errors)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime]))
"""


@dataclass(frozen=True)
class Measured:
    """The result of a command. `memory`: bytes at the peak, including Python's. `seconds`: processor time."""

    code: int
    memory: int
    seconds: float
    said: str


def measured(*arguments: str, folder: Path) -> Measured:
    """Run `python -m ocikit` in `folder`; the files "stdout" and "stderr" get its output, and `said` its end."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": _SOURCES},
        check=True,
        stdout=subprocess.PIPE,
    )
    said = "".join((folder / name).read_bytes()[-4000:].decode(errors="replace") for name in ("stdout", "stderr"))
    code, memory, seconds = json.loads(done.stdout)
    return Measured(code, memory, seconds, said)


def layout_of(path: Path, *layers: bytes, kind: str, diff_ids: Iterable[Digest] = ()) -> str:
    """Write a layout with an image of these blobs; returns its location. Diff IDs are wrong unless given."""
    (path / "blobs/sha256").mkdir(parents=True)
    described = [Descriptor(kind, Digest.of(layer), len(layer)) for layer in layers]
    for layer, descriptor in zip(layers, described):
        (path / "blobs/sha256" / descriptor.digest.hex).write_bytes(layer)
    config = ImageConfig.of(LINUX, {}, tuple(diff_ids) or tuple(Digest.of(layer) for layer in layers), ())
    of_config = Descriptor(media_type.OCI_CONFIG, Digest.of(config.data), len(config.data))
    push_image(Layout(path), Image(Manifest.of(of_config, described), config), "1")
    return f"oci:{path}:1"

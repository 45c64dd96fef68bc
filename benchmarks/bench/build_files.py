"""The build root of a case: files that do not compress, and the targets that make images of them."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.cases import Edition, Images

BASE_REPOSITORY = "base/python"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    """The folder of an image in the build root, and its repository."""

    number: int
    folder: str

    @property
    def repository(self) -> str:
        return f"bench/i{self.number}"

    @property
    def layout(self) -> str:
        """The path of the layout that `pants package` writes."""
        return f"dist/{self.folder.replace('/', '.')}/image"


def images_of(images: Images, counts: tuple[int, ...]) -> tuple[Image, ...]:
    """All images, each below a folder for the smallest of `counts` that includes it."""
    return tuple(
        Image(number, f"of{next(count for count in counts if number < count)}/i{number}")
        for number in range(images.count)
    )


def specs(counts: tuple[int, ...], count: int) -> tuple[str, ...]:
    """The specs of the first `count` images."""
    return tuple(f"of{each}::" for each in counts if each <= count)


def build_files(
    images: Images, counts: tuple[int, ...], registry: str, push_fields: str = ""
) -> Iterator[tuple[str, str | bytes]]:
    """All files of the first edition, by path. `push_fields`: more fields of each push target."""
    shared = range(len(images.shared))
    yield (
        "shared/BUILD",
        "".join(
            f'files(name="f{i}", sources=["f{i}"])\noci_layer(name="l{i}", dependencies=[":f{i}"])\n' for i in shared
        ),
    )
    for i, size in enumerate(images.shared):
        yield f"shared/f{i}", _noise(f"shared {i}", size)
    base = ""
    if images.base:
        base = 'base="base:python", '
        yield "base/BUILD", f'oci_base(name="python", path="python", image="{registry}/{BASE_REPOSITORY}:1")\n'
        yield from base_files(images, Edition())
    layers = [*(f"shared:l{i}" for i in shared), ":own"]
    for image in images_of(images, counts):
        targets = (
            'files(name="files", sources=["own"])\n'
            'oci_layer(name="own", dependencies=[":files"])\n'
            f'oci_image(name="image", {base}layers={json.dumps(layers)})\n'
            f'oci_push(name="push", image=":image", repository="{image.repository}", '
            f'image_tags=["{{env.TAG}}"]{push_fields})\n'
        )
        yield f"{image.folder}/BUILD", targets
        yield own_file(images, image, Edition())


def own_file(images: Images, image: Image, edition: Edition) -> tuple[str, bytes]:
    return f"{image.folder}/own", _noise(f"own {image.number} {edition.own}", images.own)


def base_files(images: Images, edition: Edition) -> Iterator[tuple[str, bytes]]:
    """An image layout at `base/python`."""
    layers = [_tar(f"base {i} {edition.base}", size) for i, size in enumerate(images.base)]
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer) for layer in layers],
        }
    )
    index = _json({"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, manifest)]})
    yield "base/python/oci-layout", b'{"imageLayoutVersion": "1.0.0"}'
    yield "base/python/index.json", index
    for blob in (*layers, config, manifest):
        yield f"base/python/blobs/sha256/{digest(blob).partition(':')[2]}", blob


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def _tar(seed: str, size: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(seed.replace(" ", "-"))
        member.size = size
        tar.addfile(member, io.BytesIO(_noise(seed, size)))
    return packed.getvalue()


def _noise(seed: str, size: int) -> bytes:
    return random.Random(seed).randbytes(size)

"""Images for a registry, a layout or an archive: usual ones, and those of any bytes."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import tiny_layout

FILES: Mapping[str, bytes] = {"etc/motd": b"hello\n", "usr/bin/tool": b"#!/bin/sh\n"}


def usual_tar(files: Mapping[str, bytes] = FILES) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def usual_layout(path: Path, tag: str) -> None:
    tiny_layout(path, FILES, tag)


def descriptor(data: bytes, kind: str, **others: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": str(Digest.of(data)), "size": len(data), **others}


def config_document(*diff_ids: str, **members: Any) -> dict[str, Any]:
    """A config, with `members` added or replaced."""
    rootfs = {"type": "layers", "diff_ids": list(diff_ids)}
    return {"architecture": "amd64", "os": "linux", "rootfs": rootfs, "config": {"Cmd": ["serve"]}, **members}


class ImageParts:
    """An image of any bytes: layers, a config and a manifest, linked by digest."""

    def __init__(
        self,
        blobs: Sequence[bytes] = (gzip.compress(usual_tar(), mtime=0),),
        *,
        diff_ids: Iterable[str] | None = None,
        layer_type: str = media_type.OCI_LAYER_GZIP,
        config: bytes | None = None,
        config_members: Mapping[str, Any] | None = None,
        manifest: bytes | None = None,
        manifest_members: Mapping[str, Any] | None = None,
    ) -> None:
        self.layers = tuple(blobs)
        known = [str(Digest.of(_unzipped(blob))) for blob in blobs] if diff_ids is None else list(diff_ids)
        document = config_document(*known, **(config_members or {}))
        self.config = json.dumps(document).encode() if config is None else config
        described = {
            "schemaVersion": 2,
            "mediaType": media_type.OCI_MANIFEST,
            "config": descriptor(self.config, media_type.OCI_CONFIG),
            "layers": [descriptor(blob, layer_type) for blob in blobs],
            **(manifest_members or {}),
        }
        self.manifest = json.dumps(described).encode() if manifest is None else manifest
        self.digest = str(Digest.of(self.manifest))

    def put(self, registry: FakeRegistry, repository: str = "image", tag: str = "1") -> None:
        contents = registry.repositories[repository]
        for blob in (*self.layers, self.config):
            registry.put_blob(repository, blob)
        contents.manifests[self.digest] = (media_type.OCI_MANIFEST, self.manifest)
        contents.tags[tag] = self.digest

    def write(self, layout: Path, tag: str = "1") -> None:
        """Write an OCI image layout with this image."""
        blobs = {str(Digest.of(blob)): blob for blob in (*self.layers, self.config, self.manifest)}
        entry = descriptor(self.manifest, media_type.OCI_MANIFEST)
        entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
        write_layout(layout, blobs, [entry])


def write_layout(layout: Path, blobs: Mapping[str, bytes], entries: Sequence[Any]) -> None:
    for digest, blob in blobs.items():
        algorithm, _, name = digest.partition(":")
        folder = layout / "blobs" / algorithm
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(blob)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": list(entries)}
    (layout / "index.json").write_text(json.dumps(index))


def add_usual_image(registry: FakeRegistry, repository: str, tag: str) -> None:
    ImageParts().put(registry, repository, tag)


def tree(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*"))


def _unzipped(blob: bytes) -> bytes:
    return gzip.decompress(blob) if blob.startswith(b"\x1f\x8b") else blob

"""Archives in the format of `docker save`."""

from __future__ import annotations

import io
import json
import tarfile

from ocikit.spec.config import ImageConfig
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform


def docker_archive(layer: bytes) -> bytes:
    """An archive of an image for linux/amd64 that has `layer` twice, uncompressed, the second time as a link."""
    config = ImageConfig.of(Platform("linux", "amd64"), {}, (Digest.of(layer),) * 2, ()).data
    table = [{"Config": "c.json", "RepoTags": ["web:1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in {
            "1/layer.tar": layer,
            "c.json": config,
            "manifest.json": json.dumps(table).encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("2/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../1/layer.tar"
        tar.addfile(link)
    return stream.getvalue()

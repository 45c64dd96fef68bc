"""All bytes of an image, for who writes it to disk or runs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.compat import by_name
from pants_oci.steps.image import BuiltImage


@dataclass(frozen=True)
class ImageBlobsRequest(EngineAwareParameter):
    """Gather config, manifest and every layer of an image."""

    image: BuiltImage

    def debug_hint(self) -> str:
        return str(self.image.image.digest)


@dataclass(frozen=True)
class ImageBlobs:
    """Config, manifest and every layer, at `blobs/sha256/<hex>`."""

    digest: Digest


@rule(desc="Gather the blobs of an OCI image", level=LogLevel.DEBUG)
async def image_blobs(request: ImageBlobsRequest) -> ImageBlobs:
    return ImageBlobs(request.image.blobs)


call_image_blobs = by_name(image_blobs, ImageBlobs, ImageBlobsRequest)


def rules() -> Iterable[object]:
    return collect_rules()

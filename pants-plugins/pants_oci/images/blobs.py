"""All blobs of an image, to write it to disk or run it. Layers in a base's registry are downloaded and cached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import EMPTY_DIGEST, Digest, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.image_layout import blob_path
from ocikit.units import human_bytes
from pants_oci.compat import by_name, concurrently, merge_digests
from pants_oci.errors import OciTargetError
from pants_oci.images.image import BuiltImage
from pants_oci.sandbox.process import OcikitProcess, call_try_ocikit
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class BaseLayerRequest(EngineAwareParameter):
    """Download a layer from `repository`; its uncompressed content has the digest `diff_id`."""

    repository: str
    layer: ocikit.Descriptor
    diff_id: ocikit.Digest

    def debug_hint(self) -> str:
        return f"{self.repository}@{self.layer.digest}"


@dataclass(frozen=True)
class BaseLayer:
    """The layer at `blobs/sha256/<hex>`. `problem`: why it could not be downloaded."""

    digest: Digest
    problem: str | None = None


@rule(desc="Download a layer of a base", level=LogLevel.DEBUG)
async def base_layer(request: BaseLayerRequest, oci: OciSubsystem) -> BaseLayer:
    requested = {
        "repository": request.repository,
        "layer": request.layer.plain().to_json(),
        "diff_id": str(request.diff_id),
        # Without the limit on files: changing that must not download the layer again.
        "limits": {"expansion": oci.layer_limits.expansion},
    }
    output = await call_try_ocikit(
        OcikitProcess(
            protocol.BASE_LAYER,
            canonical_json.dumps(requested),
            EMPTY_DIGEST,
            f"Download {human_bytes(request.layer.size)} from {request.repository}",
            output_files=(blob_path(request.layer.digest),),
            fetches=True,
        )
    )
    return BaseLayer(output.digest, output.problem)


call_base_layer = by_name(base_layer, BaseLayer, BaseLayerRequest)


@dataclass(frozen=True)
class ImageBlobsRequest(EngineAwareParameter):
    """Gather config, manifest and layers of an image. The `unneeded` lowest layers may be left out."""

    image: BuiltImage
    unneeded: int = 0

    def debug_hint(self) -> str:
        return str(self.image.image.digest)


@dataclass(frozen=True)
class ImageBlobs:
    """Config, manifest and the requested layers, at `blobs/sha256/<hex>`."""

    digest: Digest


@rule(desc="Gather the blobs of an OCI image", level=LogLevel.DEBUG)
async def image_blobs(request: ImageBlobsRequest) -> ImageBlobs:
    built = request.image
    remote = built.remote_blobs
    layers = list(zip(built.image.manifest.layers, built.image.config.diff_ids))
    fetched = await concurrently(
        call_base_layer(BaseLayerRequest(remote[str(layer.digest)], layer.plain(), diff_id))
        for layer, diff_id in layers[request.unneeded :]
        if str(layer.digest) in remote
    )
    for origin, layer in zip(built.origins[request.unneeded :], fetched):
        if layer.problem:
            raise OciTargetError(origin, f'"{built.base}" cannot be downloaded: {layer.problem}')
    digest = await merge_digests(MergeDigests((built.blobs, *(layer.digest for layer in fetched))))
    return ImageBlobs(digest)


call_image_blobs = by_name(image_blobs, ImageBlobs, ImageBlobsRequest)


def rules() -> Iterable[object]:
    return collect_rules()

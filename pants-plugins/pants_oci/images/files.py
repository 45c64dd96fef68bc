"""List the files of layers, with one cacheable process for each layer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, Digest, DigestContents, DigestSubset, FileEntry, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.layer.contents import File
from ocikit.layer.limits import FileCount
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.image_layout import blob_path
from pants_oci.compat import (
    add_prefix,
    by_name,
    concurrently,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
)
from pants_oci.errors import OciTargetError
from pants_oci.images.blobs import ImageBlobsRequest, call_image_blobs
from pants_oci.images.image import BuiltImage
from pants_oci.sandbox.process import OcikitProcess, call_try_ocikit
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class LayerFilesRequest(EngineAwareParameter):
    """List the files of a layer; `blob` has it at `blobs/sha256/<hex>`."""

    layer: ocikit.Descriptor
    blob: Digest

    def debug_hint(self) -> str:
        return str(self.layer.digest)


@dataclass(frozen=True)
class LayerFiles:
    """The number of files of a layer. Their list, in `digest`, is not read yet: an image may have too many files.

    `problem`: why they cannot be listed.
    """

    digest: Digest
    files: int = 0
    name_bytes: int = 0
    problem: str | None = None


@rule(desc="List the files of a layer", level=LogLevel.DEBUG)
async def layer_files(request: LayerFilesRequest, oci: OciSubsystem) -> LayerFiles:
    inputs = await add_prefix(AddPrefix(request.blob, protocol.INPUT))
    requested = {"layer": request.layer.to_json(), "limits": oci.layer_limits.to_json()}
    output = await call_try_ocikit(
        OcikitProcess(
            protocol.LAYER_FILES,
            canonical_json.dumps(requested),
            inputs,
            f"List the files of layer {request.layer.digest}",
            level=LogLevel.DEBUG,
        )
    )
    if output.problem:
        return LayerFiles(output.digest, problem=output.problem)
    subset = await digest_subset_to_digest(DigestSubset(output.digest, PathGlobs([protocol.COUNT])))
    counted = json.loads((await get_digest_contents(subset))[0].content)
    return LayerFiles(output.digest, counted["files"], counted["name_bytes"])


call_layer_files = by_name(layer_files, LayerFiles, LayerFilesRequest)


@dataclass(frozen=True)
class ImageFilesRequest(EngineAwareParameter):
    """List the files of the layers of an image. The `optional` lowest layers are left out if they are remote."""

    image: BuiltImage
    optional: int = 0

    def debug_hint(self) -> str:
        return str(self.image.image.digest)


@dataclass(frozen=True)
class ImageFiles:
    """The files of each layer, the lowest first; None for layers that were left out."""

    layers: tuple[tuple[File, ...] | None, ...]


@rule(desc="List the files of an OCI image", level=LogLevel.DEBUG)
async def image_files(request: ImageFilesRequest, oci: OciSubsystem) -> ImageFiles:
    layers = request.image.image.manifest.layers
    blobs = request.image.blobs
    at_hand = {entry.path for entry in await get_digest_entries(blobs) if isinstance(entry, FileEntry)}
    if any(_path(layer) not in at_hand for layer in layers[request.optional :]):
        gathered = await call_image_blobs(ImageBlobsRequest(request.image, request.optional))
        blobs, at_hand = gathered.digest, at_hand | {_path(layer) for layer in layers[request.optional :]}
    requested = [layer for layer in dict.fromkeys(layers) if _path(layer) in at_hand]
    subsets = await concurrently(digest_subset_to_digest(DigestSubset(blobs, PathGlobs([_path(y)]))) for y in requested)
    found = await concurrently(call_layer_files(LayerFilesRequest(*pair)) for pair in zip(requested, subsets))
    count = FileCount(oci.layer_limits)
    for layer, one in zip(requested, found):
        origin = request.image.origins[layers.index(layer)]
        if one.problem:
            raise OciTargetError(origin, f"the files of layer {layer.digest} cannot be listed: {one.problem}")
        try:
            count.add_many(one.files, one.name_bytes)
        except ocikit.InvalidContent as error:
            raise OciTargetError(origin, str(error)) from None
    contents = await concurrently(get_digest_contents(one.digest) for one in found)
    files = {layer.digest: _files(one) for layer, one in zip(requested, contents)}
    return ImageFiles(tuple(files.get(layer.digest) for layer in layers))


call_image_files = by_name(image_files, ImageFiles, ImageFilesRequest)


def _files(contents: DigestContents) -> tuple[File, ...]:
    (rows,) = (content for content in contents if content.path == protocol.FILES)
    return tuple(map(File.from_row, json.loads(rows.content)["files"]))


def _path(layer: ocikit.Descriptor) -> str:
    return blob_path(layer.digest)


def rules() -> Iterable[object]:
    return collect_rules()

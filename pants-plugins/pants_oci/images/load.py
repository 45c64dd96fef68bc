"""Load an image into a container engine: one process queries the engine, another loads what it lacks.

No tar is stored: it is written while the engine reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, CreateDigest, Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from ocikit.sandbox import protocol
from ocikit.sandbox.protocol import Command
from ocikit.spec import canonical_json
from ocikit.spec.image_layout import blob_path
from pants_oci.compat import (
    add_prefix,
    by_name,
    create_digest,
    digest_subset_to_digest,
    merge_digests,
)
from pants_oci.debug_hints import OfAddress
from pants_oci.errors import OciTargetError
from pants_oci.images.blobs import ImageBlobsRequest, call_image_blobs
from pants_oci.images.image import BuiltImage
from pants_oci.sandbox.image_layout import layout_documents, local_name
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class LoadRequest(OfAddress):
    """Make sure that the engine of `[oci].engine` has the image that `address` builds."""

    address: Address
    image: BuiltImage


@dataclass(frozen=True)
class LoadedImage:
    """`engine`: the path of its command-line program; `image`: its name for the image."""

    engine: str
    image: str


# Defined before its caller, because Pants inspects the calls of a rule when the rule is defined.
async def _ask(address: Address, command: Command, document: Mapping[str, Any], inputs: Digest, what: str) -> Any:
    answer = await call_ask_ocikit(
        OcikitProcess(
            command,
            canonical_json.dumps(document),
            inputs,
            f"{what} {address}",
            network=True,
            level=LogLevel.INFO if command == protocol.LOAD else LogLevel.DEBUG,
        )
    )
    return answer.document


async def _load(request: LoadRequest, engine: Mapping[str, Any], names: list[str], known: int) -> Any:
    """Load all but the `known` lowest layers."""
    image = request.image.image
    blobs = await call_image_blobs(ImageBlobsRequest(request.image, known))
    requested = dict.fromkeys(blob.digest for blob in (*image.manifest.layers[known:], image.manifest.config))
    paths = [blob_path(digest) for digest in (image.digest, *requested)]
    needed = await digest_subset_to_digest(DigestSubset(blobs.digest, PathGlobs(paths)))
    documents = await create_digest(
        CreateDigest(layout_documents(replace(image.manifest.descriptor, platform=image.platform)))
    )
    layout = await merge_digests(MergeDigests((needed, documents)))
    name = local_name(request.address)
    inputs = await add_prefix(AddPrefix(layout, f"{protocol.INPUT}/{name}"))
    document = {
        "kind": engine["kind"],
        "path": engine["path"],
        "name": name,
        "names": names,
        "digest": str(image.digest),
        "without": [str(layer.digest) for layer in image.manifest.layers[:known] if layer.digest not in requested],
    }
    return await _ask(request.address, protocol.LOAD, document, inputs, f"Load into {engine['kind']}:")


# Uncacheable: otherwise Pants would repeat an earlier load while it checks whether the load is needed.
@_uncacheable_rule(desc="Load an OCI image into a container engine", level=LogLevel.DEBUG)
async def load_image(request: LoadRequest, oci: OciSubsystem) -> LoadedImage:
    image, address = request.image.image, request.address
    # Docker's older store and Podman identify an image by its configuration, containerd's store by its manifest.
    names = [str(image.manifest.config.digest), str(image.digest)]
    document = {
        "engine": oci.engine.value,
        "names": names,
        "diff_ids": [str(diff_id) for diff_id in image.config.diff_ids],
    }
    found = asked = await _ask(address, protocol.ASK_ENGINE, document, EMPTY_DIGEST, "Query the container engine for")
    if not asked.get("image", asked.get("error")):
        found = await _load(request, asked, names, asked["known_layers"])
        if "error" in found and asked["known_layers"]:
            found = await _load(request, asked, names, 0)
    if "error" in found:
        raise OciTargetError(address, found["error"])
    return LoadedImage(asked["path"], found["image"])


call_load = by_name(load_image, LoadedImage, LoadRequest)


def rules() -> Iterable[object]:
    return collect_rules()

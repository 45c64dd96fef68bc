"""Build an image from a base, layers and settings, without a process: its digest is known before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.python_app.interpreter import Interpreter
from ocikit.spec.image_layout import blob_path
from pants_oci.bases.base import BaseRequest, call_base_image
from pants_oci.bases.base_chain import BaseChain, BaseChainRequest, call_base_chain
from pants_oci.compat import (
    by_name,
    concurrently,
    create_digest,
    merge_digests,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.errors import OciTargetError, errors_of
from pants_oci.images.image_layers import (
    ImageLayers,
    ImageLayersRequest,
    LayersInEnvironmentRequest,
    call_own_layers_in_environment,
)
from pants_oci.python_app.application import started_by
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.layer import OciDirectoryField
from pants_oci.targets.python import (
    OciImagePexLayersField,
)


@dataclass(frozen=True)
class ImageRequest(OfFieldSet):
    """Build the image of an `oci_image`, each layer in the environment that its image sets."""

    field_set: ImageFieldSet


@dataclass(frozen=True)
class BuiltImage:
    """An image; `blobs` has config, manifest and layers at `blobs/sha256/<hex>`.

    `origins`: what each layer was built from. The lowest `base_layers` belong to the base; `base` is its reference if
    it is published. With `remote_base` these layers are only in its registry, not in `blobs`.
    """

    image: ocikit.Image
    blobs: Digest
    origins: tuple[str, ...]
    base: ocikit.Reference | None = None
    base_layers: int = 0
    remote_base: bool = False

    @property
    def remote_blobs(self) -> dict[str, str]:
        """The repositories of the layers that are not in `blobs`, by digest."""
        if not self.remote_base or self.base is None:
            return {}
        layers = self.image.manifest.layers[: self.base_layers]
        return {str(layer.digest): str(self.base.repository) for layer in layers}


def named_images(address: Address, images: Sequence[BuiltImage]) -> Iterator[tuple[str, BuiltImage]]:
    """Name the image of a target, or each image of an index."""
    for one in images:
        yield (str(address) if len(images) == 1 else f"{address} [{one.image.platform}]"), one


@rule(desc="Build an OCI image", level=LogLevel.DEBUG)
async def build_image(request: ImageRequest) -> BuiltImage:
    base_chain = await call_base_chain(BaseChainRequest(request.field_set))
    platform = ocikit.Platform.parse(request.field_set.platform.value)
    bases = await concurrently(call_base_image(BaseRequest(base, platform)) for base in (base_chain.base,) if base)
    pythons = _interpreters(base_chain, bases[0].image if bases else None)
    added = await concurrently(
        call_own_layers_in_environment(LayersInEnvironmentRequest(ImageLayersRequest(field_set, interpreter)))
        for field_set, interpreter in zip(base_chain.images, pythons)
    )
    _check_two_in_one_place(base_chain, added)
    if not bases and not any(own.layers for own in added):
        raise OciTargetError(
            request.field_set.address, "the image is empty: give it `dependencies`, `layers` or a `base`."
        )
    image = bases[0].image if bases else None
    annotations = bases[0].annotations if bases else {}
    for field_set, own in zip(base_chain.images, added):
        settings = field_set.settings()
        if own.application:
            settings = started_by(settings, own.application, image.config.container if image else {})
        with errors_of(field_set.address):
            image = ocikit.build_image(
                base=image,
                layers=[built.layer for built in own.layers],
                settings=settings,
                platform=ocikit.Platform.parse(field_set.platform.value),
                annotations={**annotations, **(field_set.annotations.value or {})},
            )
    assert image is not None
    documents = await create_digest(CreateDigest(_documents(image)))
    layers = [built.blobs for own in added for built in own.layers]
    blobs = await merge_digests(MergeDigests((documents, *(base.blobs for base in bases), *layers)))
    below = len(bases[0].image.manifest.layers) if bases else 0
    origins = (
        *([str(base_chain.base.address)] * below if base_chain.base else ()),
        *(b.origin for o in added for b in o.layers),
    )
    published = base_chain.base.image.value if base_chain.base else None
    return BuiltImage(
        image,
        blobs,
        origins,
        ocikit.Reference.parse(published) if published else None,
        below,
        any(base.remote for base in bases),
    )


call_image = by_name(build_image, BuiltImage, ImageRequest)


def _interpreters(base_chain: BaseChain, base: ocikit.Image | None) -> list[Interpreter | None]:
    """The Python of each image: the one that it sets, or else that of the image below."""
    declared = base_chain.base.python.value if base_chain.base else None
    known = Interpreter.parse(declared) if declared else None
    if known is None and base is not None:
        known = Interpreter.of_official_image(base.config.container)
    found = []
    for field_set in base_chain.images:
        if field_set.python.value:
            known = Interpreter.parse(field_set.python.value)
        found.append(known)
    return found


def _check_two_in_one_place(base_chain: BaseChain, added: Iterable[ImageLayers]) -> None:
    seen: dict[str, Address] = {}
    for field_set, own in zip(base_chain.images, added):
        if own.application:
            root = own.application.application.root
            other = seen.setdefault(root, field_set.address)
            if other != field_set.address:
                raise OciTargetError(
                    field_set.address,
                    f"its Python application is in {root}, and so is that of its base {other}. Choose another "
                    f'`{OciDirectoryField.alias}`, or set `{OciImagePexLayersField.alias}="single"`.',
                )


def _documents(image: ocikit.Image) -> list[FileContent]:
    return [
        FileContent(blob_path(image.manifest.config.digest), image.config.data),
        FileContent(blob_path(image.digest), image.manifest.data),
    ]


def rules() -> Iterable[object]:
    return collect_rules()

"""Verification of images: every blob is read, and every digest computed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ocikit.errors import InvalidContent, InvalidInput, NotFound, ProtocolViolation
from ocikit.image.build import Image
from ocikit.layer.compression import decompress, kind_of
from ocikit.layer.limits import DEFAULT_LIMITS, Expansion, Limits
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import DEFAULT_ALGORITHM, Digest, verified
from ocikit.spec.manifest import ImageIndex, Manifest, check_level
from ocikit.store.store import Store, read_document

__all__ = ["problems"]

_DAMAGE = (InvalidContent, InvalidInput, NotFound, ProtocolViolation)
_IMAGE_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)


@dataclass(frozen=True)
class _Seen:
    """The blobs that were read, so that each is read once, however often it is listed.

    `contents`: by digest, compression and algorithm, the digest of a layer's decompressed content, or the error.
    """

    limits: Limits
    blobs: set[tuple[str, str]] = field(default_factory=set)
    contents: dict[tuple[Digest, str, str], Digest | InvalidContent] = field(default_factory=dict)


def problems(store: Store, manifests: Iterable[Descriptor], limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """Read `manifests` and everything they need from `store`, and return a line for each problem; none if all is well.

    A line says what is wrong, what was expected and what was found. Layers are decompressed within `limits` and
    compared with the diff IDs of the config. Memory is bounded, and content that images share is read once. Raises
    NetworkError and RegistryError as the store does; damage is returned, not raised.
    Spec: image-spec v1.1.1, descriptor.md#digests, config.md#layer-diffid.
    """
    seen = _Seen(limits)
    found = [line for entry in manifests for line in _of_manifest(store, entry, seen, 0)]
    return tuple(dict.fromkeys(found))


def _of_manifest(store: Store, described: Descriptor, seen: _Seen, level: int) -> Iterator[str]:
    if (str(described.digest), "") in seen.blobs:
        return
    seen.blobs.add((str(described.digest), ""))
    try:
        manifest = store.fetch_manifest(str(described.digest))
        if isinstance(manifest, ImageIndex):
            check_level(level, manifest)
    except _DAMAGE as error:
        yield f"manifest {described.digest}: {error}"
        return
    found = manifest.descriptor
    if (found.size, found.media_type) != (described.size, described.media_type):
        yield (
            f"manifest {described.digest}: expected {described.size} bytes of "
            f'"{described.media_type}", got {found.size} of "{found.media_type}".'
        )
    if isinstance(manifest, ImageIndex):
        for child in manifest.manifests:
            yield from _of_manifest(store, child, seen, level + 1)
    else:
        yield from _of_image(store, manifest, seen)


def _of_image(store: Store, manifest: Manifest, seen: _Seen) -> Iterator[str]:
    diff_ids: tuple[Digest, ...] = ()
    try:
        if manifest.config.media_type in _IMAGE_CONFIGS:
            config = ImageConfig.parse(read_document(store, manifest.config, "the blob"))
            diff_ids = Image(manifest, config).config.diff_ids
        else:
            _check_layer(store, manifest.config, None, seen)
    except _DAMAGE as error:
        yield f"config {manifest.config.digest} of {manifest.descriptor.digest}: {error}"
    for number, layer in enumerate(manifest.layers):
        diff_id = diff_ids[number] if diff_ids else None
        if (str(layer.digest), str(diff_id)) not in seen.blobs:
            seen.blobs.add((str(layer.digest), str(diff_id)))
            try:
                _check_layer(store, layer, diff_id, seen)
            except NotFound as error:
                if media_type.is_distributable(layer.media_type):
                    yield f"layer {layer.digest} of {manifest.descriptor.digest}: {error}"
            except _DAMAGE as error:
                yield f"layer {layer.digest} of {manifest.descriptor.digest}: {error}"


def _check_layer(store: Store, layer: Descriptor, diff_id: Digest | None, seen: _Seen) -> None:
    """Raise unless the blob has its digest and, if `diff_id` is given, its decompressed content has that one."""
    kind, algorithm = (kind_of(layer.media_type), diff_id.algorithm) if diff_id else ("none", DEFAULT_ALGORITHM)
    key = (layer.digest, kind, algorithm)
    if key not in seen.contents:
        try:
            seen.contents[key] = _content(store, layer, kind, algorithm, seen.limits)
        except InvalidContent as error:
            seen.contents[key] = error
    found = seen.contents[key]
    if isinstance(found, InvalidContent):
        raise found
    if diff_id and found != diff_id:
        raise InvalidContent(f"expected the diff ID {diff_id}, got {found}.")


def _content(store: Store, layer: Descriptor, kind: str, algorithm: str, limits: Limits) -> Digest:
    """The digest of a layer's decompressed content."""
    hasher = hashlib.new(algorithm)
    with store.open_blob(layer) as stream:
        chunks = verified(stream, layer.digest, layer.size, "the blob")
        try:
            for data in decompress(chunks, kind, Expansion(limits)):
                hasher.update(data)
        except InvalidContent:
            # Read on: if the blob has another digest, that is the better error.
            for _ in chunks:
                pass
            raise
    return Digest(algorithm, hasher.hexdigest())

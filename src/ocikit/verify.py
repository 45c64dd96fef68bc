"""Whether images are whole: every blob read, every digest taken again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from ocikit import media_type
from ocikit.config import ImageConfig
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest, verified
from ocikit.errors import InvalidContent, InvalidInput, NotFound, ProtocolViolation
from ocikit.image import Image
from ocikit.layer.compress import decompress, kind_of
from ocikit.manifest import ImageIndex, Manifest
from ocikit.store import Store

_DAMAGE = (InvalidContent, InvalidInput, NotFound, ProtocolViolation)
_IMAGE_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)


def problems(store: Store, manifests: Iterable[Descriptor]) -> tuple[str, ...]:
    """Everything wrong with `manifests` and what they need, a line each: what, wanted, found.

    Layers are decompressed and compared with the config's diff IDs, in bounded memory; what several
    images share is read once. Raises NetworkError and RegistryError as the store does.
    Spec: image-spec v1.1.1, descriptor.md#digests, config.md#layer-diffid.
    """
    seen: set[tuple[str, str]] = set()
    found = [line for entry in manifests for line in _of_manifest(store, entry, seen)]
    return tuple(dict.fromkeys(found))


def _of_manifest(store: Store, described: Descriptor, seen: set[tuple[str, str]]) -> Iterator[str]:
    if (str(described.digest), "") in seen:
        return
    seen.add((str(described.digest), ""))
    try:
        manifest = store.fetch_manifest(str(described.digest))
    except _DAMAGE as error:
        yield f"manifest {described.digest}: {error}"
        return
    found = manifest.descriptor
    if (found.size, found.media_type) != (described.size, described.media_type):
        yield (
            f"manifest {described.digest}: wanted {described.size} bytes of "
            f'"{described.media_type}", found {found.size} of "{found.media_type}".'
        )
    if isinstance(manifest, ImageIndex):
        for child in manifest.manifests:
            yield from _of_manifest(store, child, seen)
    else:
        yield from _of_image(store, manifest, seen)


def _of_image(store: Store, manifest: Manifest, seen: set[tuple[str, str]]) -> Iterator[str]:
    diff_ids: tuple[Digest, ...] = ()
    try:
        with store.open_blob(manifest.config) as stream:
            config = manifest.config
            data = b"".join(verified(stream, config.digest, config.size, "the blob"))
        if config.media_type in _IMAGE_CONFIGS:
            diff_ids = Image(manifest, ImageConfig.parse(data)).config.diff_ids
    except _DAMAGE as error:
        yield f"config {manifest.config.digest} of {manifest.descriptor.digest}: {error}"
    for number, layer in enumerate(manifest.layers):
        diff_id = str(diff_ids[number]) if diff_ids else ""
        if (str(layer.digest), diff_id) not in seen:
            seen.add((str(layer.digest), diff_id))
            try:
                _check_layer(store, layer, diff_id)
            except NotFound as error:
                if media_type.is_distributable(layer.media_type):
                    yield f"layer {layer.digest} of {manifest.descriptor.digest}: {error}"
            except _DAMAGE as error:
                yield f"layer {layer.digest} of {manifest.descriptor.digest}: {error}"


def _check_layer(store: Store, layer: Descriptor, diff_id: str) -> None:
    """Raise unless the blob is what it is called and, where `diff_id` says so, what is in it."""
    hasher = hashlib.sha256()
    with store.open_blob(layer) as stream:
        chunks = verified(stream, layer.digest, layer.size, "the blob")
        try:
            for piece in decompress(chunks, kind_of(layer.media_type) if diff_id else "none"):
                hasher.update(piece)
        except InvalidContent:
            # That the blob is not the one wanted is the better reason, if it is one.
            for _ in chunks:
                pass
            raise
    if diff_id and f"sha256:{hasher.hexdigest()}" != diff_id:
        raise InvalidContent(f"wanted the diff ID {diff_id}, found sha256:{hasher.hexdigest()}.")

"""Selection of an image in a layout or an archive. Pure: `read` returns a file by its path, or None.

`index.json` may list images for several platforms, several names of one image, or unrelated images. The platform
selects one; if an entry has no platform, the image's own config has it. If two images match, the choice would be
arbitrary, so `digest` is required.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Callable

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.image.build import Image
from ocikit.spec import media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import CONTAINERD_NAME, INDEX_FILE, REF_NAME, blob_path
from ocikit.spec.manifest import ImageIndex, Manifest, check_level, parse_manifest
from ocikit.spec.platform import UNKNOWN, Platform

_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)

Reader = Callable[[str], "bytes | None"]


@dataclass(frozen=True)
class Candidate:
    """An image that can be selected, also by its `digest`. `platform`: None for an index without a platform."""

    digest: Digest
    platform: Platform | None
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.digest} ({', '.join(self.names)})" if self.names else str(self.digest)


def choose_candidate(
    candidates: Iterable[Candidate], platform: Platform, digest: Digest | None, where: str
) -> Candidate:
    """Select the image with `digest` if given, else the only one, or the only one for `platform`.

    `where`: "layout" or "archive". Raises InvalidInput with the available images.
    """
    known = _merged(candidates)
    if digest:
        named = [candidate for candidate in known if candidate.digest == digest]
        if not named:
            raise InvalidInput(f"no image with the `digest` {digest} in the {where}; available: {_listed(known)}.")
        return named[0]
    if len(known) == 1:
        return known[0]
    fitting = [c for c in known if c.platform is None or platform.runs(c.platform)]
    if not fitting:
        found = ", ".join(dict.fromkeys(str(c.platform) for c in known if c.platform != UNKNOWN)) or "none"
        raise InvalidInput(f'no image for platform "{platform}"; available: {found}.')
    if len(fitting) > 1:
        raise InvalidInput(
            f'the {where} has {len(fitting)} images for platform "{platform}"; set `digest` to one of them: '
            f"{_listed(fitting)}."
        )
    return fitting[0]


def choose_from_layout(read: Reader, platform: Platform, digest: Digest | None, where: str) -> Image:
    """Select the image of a layout for `platform`, within the manifest or index `digest` if given.

    Raises InvalidContent, InvalidInput.
    """
    data = read(INDEX_FILE)
    if data is None:
        raise InvalidContent(f"the {where} has no {INDEX_FILE}.")
    document = parse_manifest(data, media_type.OCI_INDEX)
    if not isinstance(document, ImageIndex):
        raise InvalidContent(f"the {where}'s {INDEX_FILE} is not an image index.")
    if digest and read(blob_path(digest)) is not None:
        # `digest` may also be an image within a listed index.
        found = parse_manifest(read_blob(read, digest, where), algorithm=digest.algorithm)
    else:
        chosen = choose_candidate(_candidates(read, document, where), platform, digest, where)
        listed = next(entry for entry in document.manifests if entry.digest == chosen.digest)
        found = parse_manifest(read_blob(read, chosen.digest, where), listed.media_type, chosen.digest.algorithm)
    level = 0
    while isinstance(found, ImageIndex):
        check_level(level, found)
        level += 1
        only = found.manifests[0] if len(found.manifests) == 1 else found.select(platform)
        found = parse_manifest(read_blob(read, only.digest, where), only.media_type, only.digest.algorithm)
    return Image(found, ImageConfig.parse(read_blob(read, found.config.digest, where)))


def read_blob(read: Reader, digest: Digest, where: str) -> bytes:
    """Read a small blob and verify it."""
    data = read(blob_path(digest))
    if data is None:
        raise InvalidContent(f"the {where} has no blob {digest}. Copy the base again.")
    found = Digest.of(data, digest.algorithm)
    if found != digest:
        raise InvalidContent(
            f"the {where}'s blob {digest} is corrupt: its content has the digest {found}. Copy the base again."
        )
    return data


def _candidates(read: Reader, index: ImageIndex, where: str) -> tuple[Candidate, ...]:
    several = len({entry.digest for entry in index.manifests}) > 1
    return tuple(
        Candidate(entry.digest, entry.platform or (_platform(read, entry, where) if several else None), _names(entry))
        for entry in index.manifests
    )


def _platform(read: Reader, entry: Descriptor, where: str) -> Platform | None:
    manifest = parse_manifest(read_blob(read, entry.digest, where), entry.media_type)
    if not isinstance(manifest, Manifest):
        return None
    if manifest.config.media_type not in _CONFIGS:
        # A signature or another artifact that is listed with the images.
        return UNKNOWN
    return ImageConfig.parse(read_blob(read, manifest.config.digest, where)).platform


def _names(entry: Descriptor) -> tuple[str, ...]:
    name = entry.annotations.get(CONTAINERD_NAME) or entry.annotations.get(REF_NAME)
    return (name,) if name else ()


def _merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each image once, with all its names."""
    found: dict[Digest, Candidate] = {}
    names: dict[Digest, dict[str, None]] = {}
    for candidate in candidates:
        found.setdefault(candidate.digest, candidate)
        names.setdefault(candidate.digest, {}).update(dict.fromkeys(candidate.names))
    return [replace(first, names=tuple(names[digest])) for digest, first in found.items()]


def _listed(candidates: Sequence[Candidate]) -> str:
    return ", ".join(map(str, candidates)) or "none"

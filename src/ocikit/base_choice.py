"""Which image of a layout or an archive is meant. Pure: `read` gives a file by its path, or None.

What `index.json` lists is what somebody put there for different reasons: images for several platforms, several names of
one image, several images. The platform chooses, from the image's own config where the entry does not say it; where that
leaves two images, nobody could tell why it was the first one, so `digest` must.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Callable

from ocikit import media_type
from ocikit.config import ImageConfig
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.image import Image
from ocikit.layout_index import CONTAINERD_NAME, REF_NAME
from ocikit.manifest import ImageIndex, Manifest, check_level, parse_manifest
from ocikit.platform import Platform

INDEX_FILE = "index.json"
LAYOUT_FILE = "oci-layout"

_CONFIGS = (media_type.OCI_CONFIG, media_type.DOCKER_CONFIG)
# What BuildKit says of attestations: nothing that could be chosen.
_NOWHERE = Platform("unknown", "unknown")

Reader = Callable[[str], "bytes | None"]


@dataclass(frozen=True)
class Candidate:
    """An image that could be meant, and the `digest` it is chosen by. `platform`: None for an index that says none."""

    digest: Digest
    platform: Platform | None
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.digest} ({', '.join(self.names)})" if self.names else str(self.digest)


def choose_candidate(
    candidates: Iterable[Candidate], platform: Platform, wanted: Digest | None, where: str
) -> Candidate:
    """The one that is `wanted`, the only one, or the only one for `platform`; raises InvalidInput with those there are.

    `where`: "layout" or "archive".
    """
    known = _merged(candidates)
    if wanted:
        named = [candidate for candidate in known if candidate.digest == wanted]
        if not named:
            raise InvalidInput(f"the `digest` {wanted} names no image of the {where}; there are: {_listed(known)}.")
        return named[0]
    if len(known) == 1:
        return known[0]
    fitting = [c for c in known if c.platform is None or platform.runs(c.platform)]
    if not fitting:
        found = ", ".join(dict.fromkeys(str(c.platform) for c in known if c.platform != _NOWHERE)) or "none"
        raise InvalidInput(f'no image for platform "{platform}"; there are: {found}.')
    if len(fitting) > 1:
        raise InvalidInput(
            f'the {where} has {len(fitting)} images for platform "{platform}"; name one of them in `digest`: '
            f"{_listed(fitting)}."
        )
    return fitting[0]


def choose_from_layout(read: Reader, platform: Platform, wanted: Digest | None, where: str) -> Image:
    """The image of a layout for `platform`, or below what is `wanted`. Raises InvalidContent, InvalidInput."""
    data = read(INDEX_FILE)
    if data is None:
        raise InvalidContent(f"the {where} has no {INDEX_FILE}.")
    document = parse_manifest(data, media_type.OCI_INDEX)
    if not isinstance(document, ImageIndex):
        raise InvalidContent(f"the {where}'s {INDEX_FILE} is no image index.")
    if wanted and read(blob_path(wanted)) is not None:
        # Not only what is listed: also an image of an index that is.
        found = parse_manifest(read_blob(read, wanted, where), algorithm=wanted.algorithm)
    else:
        chosen = choose_candidate(_candidates(read, document, where), platform, wanted, where)
        listed = next(entry for entry in document.manifests if entry.digest == chosen.digest)
        found = parse_manifest(read_blob(read, chosen.digest, where), listed.media_type, chosen.digest.algorithm)
    level = 0
    while isinstance(found, ImageIndex):
        check_level(level, found)
        level += 1
        only = found.manifests[0] if len(found.manifests) == 1 else found.select(platform)
        found = parse_manifest(read_blob(read, only.digest, where), only.media_type, only.digest.algorithm)
    return Image(found, ImageConfig.parse(read_blob(read, found.config.digest, where)))


def blob_path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def read_blob(read: Reader, digest: Digest, where: str) -> bytes:
    """A small blob, verified."""
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
        # A signature or another artifact in the company of images.
        return _NOWHERE
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

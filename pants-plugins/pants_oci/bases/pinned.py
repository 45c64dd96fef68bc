"""The image that an `oci_base` selects: by its digest, or by the lock file's entry for its tag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ocikit
from ocikit.image.lockfile import Lock

_DEFAULT_TAG = "latest"
# Spec: image-spec v1.1.1, annotations.md#pre-defined-annotation-keys: a fully qualified reference, and the digest that
# it names.
_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"


@dataclass(frozen=True)
class PinnedBase:
    """A base that is pinned by digest.

    `named`: the digest that `reference` names. `digest`: the one to read, of an index or of the image.
    """

    reference: ocikit.Reference
    named: ocikit.Digest
    digest: ocikit.Digest

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of images that are built on the base."""
        return {_BASE_NAME: str(self.reference), _BASE_DIGEST: str(self.named)}


def lockable(image: str, digest: str | None) -> str | None:
    """The reference to lock, in its full form; None if the image is pinned. Raises InvalidInput."""
    reference = ocikit.Reference.parse(image)
    if digest and reference.digest and digest != str(reference.digest):
        raise ocikit.InvalidInput(
            f"`image` names the digest {reference.digest}, and `digest` is {digest}; leave one of them out."
        )
    if digest or reference.digest:
        return None
    return str(reference if reference.tag else reference.with_tag(_DEFAULT_TAG))


def pinned(image: str, digest: str | None, platform: ocikit.Platform, lock: Lock, lockfile: str) -> PinnedBase:
    """Select the image of a base for `platform`.

    Raises InvalidInput if the image is neither pinned nor locked, or not locked for the platform.
    """
    text = lockable(image, digest)
    reference = ocikit.Reference.parse(text or image)
    if text is None:
        found = ocikit.Digest.parse(digest) if digest else reference.digest
        assert found
        # The tag is enough: the digest has an annotation of its own.
        named = replace(reference, digest=None if reference.tag else found)
        return PinnedBase(named, found, found)
    base = lock.bases.get(text)
    if base is None:
        raise ocikit.InvalidInput(
            f'the tag of "{text}" is not in {lockfile}: run `pants oci-lock` to lock it, or set `digest`.'
        )
    chosen = base.select(platform)
    if chosen is None:
        available = ", ".join(str(known) for known, _ in base.platforms) or "none"
        raise ocikit.InvalidInput(
            f'{lockfile} has no image of "{text}" for platform "{platform}"; available: {available}. '
            "If the registry has one, run `pants oci-lock`."
        )
    return PinnedBase(reference, base.digest, chosen)

"""Locations of images, as people write them on the command line.

oci:PATH[:TAG]              an image layout, as skopeo writes it; PATH has no ":" and no "@"
oci:PATH@DIGEST             an image in it
[REGISTRY/]PATH[:TAG][@DIGEST]   a registry's repository, see `ocikit.reference`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ocikit.digest import Digest
from ocikit.errors import InvalidInput, NotFound
from ocikit.layout import Layout
from ocikit.progress import Meter
from ocikit.reference import Reference, validate_tag
from ocikit.registry.client import RegistryClient
from ocikit.registry.credentials import DockerCredentials
from ocikit.registry.options import RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.retry import RetryBudget
from ocikit.store import Store

LAYOUT_SCHEME = "oci:"
DEFAULT_TAG = "latest"


@dataclass(frozen=True)
class Location:
    """A store, and the tag and digest to read or write in it, if `text` has them. `text`: as the user wrote it."""

    text: str
    store: Store
    tag: str | None = None
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """The name to read: the digest, else the tag, else a layout's only image, else "latest".

        Raises NotFound if a layout has no image, or several and none of them is "latest".
        """
        if self.digest or self.tag:
            return str(self.digest or self.tag)
        if not isinstance(self.store, Layout):
            return DEFAULT_TAG
        entries = self.store.entries()
        if not entries:
            raise NotFound(f'"{self.text}" holds no image.')
        if len({entry.digest for entry in entries}) == 1:
            return str(entries[0].digest)
        tags = self.store.tags()
        if DEFAULT_TAG in tags:
            return DEFAULT_TAG
        found = ", ".join(tags or [f"@{entry.digest}" for entry in entries])
        raise NotFound(f'"{self.text}" does not select an image; available: {found}.')

    def tag_for(self, digest: Digest, default: str = DEFAULT_TAG) -> str | None:
        """The tag to write, None if only a digest is given; raises InvalidInput if that is another digest."""
        if self.digest and self.digest != digest:
            raise InvalidInput(f'"{self.text}" cannot be written: the image has the digest {digest}.')
        return self.tag or (None if self.digest else default)


@contextmanager
def open_store(
    text: str,
    environ: Mapping[str, str],
    *,
    for_push: bool = False,
    insecure: bool = False,
    meter: Meter | None = None,
    budget: RetryBudget | None = None,
) -> Iterator[Location]:
    """Open the store that `text` names, without sending a request.

    `environ` says where to find credentials; `insecure` allows plain HTTP; `meter` counts pauses. All stores of a run
    share a `budget`. Raises InvalidInput.
    """
    if text.startswith(LAYOUT_SCHEME):
        yield _layout(text)
        return
    reference = Reference.parse(text)
    client = RegistryClient(
        reference.repository.registry,
        credentials=DockerCredentials(environ),
        options=RegistryOptions(insecure),
        budget=budget,
        on_pause=(meter or Meter()).pauses,
    )
    with client:
        store = RegistryRepository(client, reference.repository, for_push=for_push)
        yield Location(text, store, reference.tag, reference.digest)


def _layout(text: str) -> Location:
    rest = text[len(LAYOUT_SCHEME) :]
    path, at, digest = rest.partition("@")
    path, colon, tag = path.partition(":")
    if not path:
        raise InvalidInput(f'"{text}" names no directory: expected oci:PATH or oci:PATH:TAG.')
    if colon:
        validate_tag(tag)
    return Location(text, Layout(path), tag if colon else None, Digest.parse(digest) if at else None)

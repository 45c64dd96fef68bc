"""Stores by the names that people write.

A name has one of these forms:

    oci:PATH[:TAG]                      an image layout, as skopeo writes it; PATH has no ":" and no "@"
    oci:PATH@DIGEST                     an image in it
    [REGISTRY/]PATH[:TAG][@DIGEST]      a repository of a registry; see `Reference.parse`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ocikit.errors import InvalidInput, NotFound
from ocikit.progress import Meter
from ocikit.registry.client import RegistryClient
from ocikit.registry.credentials import DockerCredentials
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.registry.retry_policy import RetryBudget
from ocikit.spec.digest import Digest
from ocikit.spec.image_layout import LAYOUT_SCHEME
from ocikit.spec.reference import Reference, validate_tag
from ocikit.store.layout import Layout
from ocikit.store.store import Lister, Store

__all__ = ["Location", "RegistryOptions", "open_store"]

DEFAULT_TAG = "latest"


@dataclass(frozen=True)
class Location:
    """An open store, and the tag and digest of the name `text`, None if it has none."""

    text: str
    store: Store
    tag: str | None = None
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """What to read: the digest, else the tag, else the only image of a layout, else "latest".

        Raises NotFound if a layout has no image, or several and none of them is "latest".
        """
        if self.digest or self.tag:
            return str(self.digest or self.tag)
        if not isinstance(self.store, Lister):
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
        """The tag to write for an image with `digest`; None if the name has only a digest.

        `default` is for names with neither. Raises InvalidInput if the name has another digest.
        """
        if self.digest and self.digest != digest:
            raise InvalidInput(f'"{self.text}" cannot be written: the image has the digest {digest}.')
        return self.tag or (None if self.digest else default)


def open_store(
    text: str,
    environ: Mapping[str, str],
    *,
    for_push: bool = False,
    options: RegistryOptions = DEFAULT_OPTIONS,
    meter: Meter | None = None,
) -> AbstractContextManager[Location]:
    """Open the store that `text` names, for a `with` statement. No request is sent yet.

    `environ` is that of the process (`os.environ`) or a part of it: it says where the credentials of `docker login` and
    `podman login` are. `for_push`: authenticate for writing with the first request. `options` say how a registry is
    reached. `meter` records the pauses that a registry demands. Raises InvalidInput for an invalid name.
    """
    return open_within(RetryBudget(), text, environ, for_push=for_push, options=options, meter=meter)


@contextmanager
def open_within(
    budget: RetryBudget,
    text: str,
    environ: Mapping[str, str],
    *,
    for_push: bool = False,
    options: RegistryOptions = DEFAULT_OPTIONS,
    meter: Meter | None = None,
) -> Iterator[Location]:
    """As `open_store`, for one of several stores of a run, which share a `budget` of retries."""
    if text.startswith(LAYOUT_SCHEME):
        yield _layout(text)
        return
    reference = Reference.parse(text)
    client = RegistryClient(
        reference.repository.registry,
        credentials=DockerCredentials(environ),
        options=options,
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

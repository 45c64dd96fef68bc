"""One repository of a registry as a `Store`."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Callable, TypeVar, cast

from ocikit.errors import NetworkError, NotFound, OcikitError, ProtocolViolation, RegistryError
from ocikit.registry import protocol
from ocikit.registry.auth import Access
from ocikit.registry.challenge import repository_scope
from ocikit.registry.client import RegistryClient
from ocikit.registry.error_response import is_immutable_tag
from ocikit.registry.scrubber import DEPTH
from ocikit.registry.traffic import Traffic
from ocikit.registry.upload import BlobUpload
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.spec.media_type import DOCKER_CONFIG, OCI_CONFIG
from ocikit.spec.reference import Repository
from ocikit.store.store import Opener

_Found = TypeVar("_Found")
_CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
# A shorter secret may be in an image by chance.
_SHORTEST_IN_CONTENT = 12
# Content up to this size is decoded in all ways, which takes milliseconds; most manifests are smaller.
_SHORT_CONTENT = 16 * 1024
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _scrubbed(method: _Method) -> _Method:
    """Remove secrets from the errors of a method, which may quote a response."""

    @functools.wraps(method)
    def scrubbed(self: RegistryRepository, *arguments: Any, **options: Any) -> Any:
        with self._client.scrubber.errors():
            return method(self, *arguments, **options)

    return cast(_Method, scrubbed)


class RegistryRepository:
    """A `Store` at `repository`, over a client of its registry.

    `for_push`: request a token that allows pushing from the start, and do not use mirrors. Otherwise reads try the
    registry's mirrors first, and pushing needs a second token. Every method may raise NetworkError, RegistryError and
    ProtocolViolation.
    """

    def __init__(
        self,
        client: RegistryClient,
        repository: Repository,
        *,
        for_push: bool = False,
        traffic: Traffic | None = None,
    ) -> None:
        self._client = client
        self._path = repository.path
        self._at = f"{client.base}/v2/{repository.path}"
        # The cost of all requests of this object.
        self.traffic = traffic or Traffic()
        self.resumes_uploads = True
        self._push = self._access(push=True)
        self._pull = self._push if for_push else self._access(push=False)
        mirrors = () if for_push else client.mirrors
        self._mirrors = tuple(RegistryRepository(mirror, repository, traffic=self.traffic) for mirror in mirrors)

    @_scrubbed
    def resolve(self, name: str) -> Descriptor | None:
        """See `Store`. Sends an additional GET if the response to HEAD lacks a header."""
        found = self._from_mirrors(lambda mirror: mirror.resolve(name))
        if found:
            return found
        answer = self._client.ask(protocol.manifest("HEAD", self._at, name), self._pull, 200, 404)
        if answer.status == 404:
            return None
        description = protocol.read_description(answer, name)
        if description:
            return description
        try:
            return self._fetch_manifest(name).descriptor
        except NotFound:
            return None

    @_scrubbed
    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        return self._from_mirrors(lambda mirror: mirror.fetch_manifest(name)) or self._fetch_manifest(name)

    def _fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        answer = self._client.ask(protocol.manifest("GET", self._at, name), self._pull, 200)
        # Check before an error quotes a part of the body: half a secret would not be recognised.
        self._check_secrets(answer.body, f'the manifest "{name}"')
        return protocol.read_manifest(answer, name)

    @_scrubbed
    def has_blob(self, blob: Descriptor) -> bool:
        request = protocol.blob("HEAD", self._at, blob.digest)
        answer = self._client.ask(request, self._pull, 200, 404)
        size = answer.headers.get("content-length", str(blob.size))
        return answer.status == 200 and size == str(blob.size)

    @_scrubbed
    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        found = self._from_mirrors(lambda mirror: mirror.open_blob(blob))
        return found or self._open_blob(blob)

    def _open_blob(self, blob: Descriptor) -> BinaryIO:
        stream = self._client.open(protocol.blob("GET", self._at, blob.digest), self._pull)
        if blob.media_type not in _CONFIGS:
            return stream
        with stream:
            data = stream.read(min(blob.size, protocol.MAX_MANIFEST_SIZE) + 1)
        if len(data) > protocol.MAX_MANIFEST_SIZE:
            raise ProtocolViolation(f"the config {blob.digest} has more than {protocol.MAX_MANIFEST_SIZE} bytes.")
        self._check_secrets(data, f"the config {blob.digest}")
        return io.BytesIO(data)

    def _check_secrets(self, data: bytes, what: str) -> None:
        """Refuse content that holds a secret: it is displayed and kept, and cannot be changed."""
        depth = DEPTH if len(data) <= _SHORT_CONTENT else 0
        if self._client.scrubber.finds(data.decode("utf-8", "replace"), _SHORTEST_IN_CONTENT, depth):
            raise ProtocolViolation(f"{what} repeats a secret that this registry received, so it is not used.")

    @_scrubbed
    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        """See `Store`. Monolithic, or chunked if the registry or a proxy requires that."""
        self._upload(blob, opener).send()

    @_scrubbed
    def mount_blob(self, blob: Descriptor, source: str, opener: Opener | None = None) -> bool:
        """Mount a blob from the repository `source` (its path) of the same registry.

        Returns False if the registry did not mount it; the blob was uploaded instead if `opener` is given.
        """
        scopes = (*self._push.scopes, repository_scope(source, push=False))
        request = protocol.mount(self._at, blob.digest, source)
        started = None
        # The registry may refuse only the source, or a proxy may break only this request. Any other problem breaks the
        # upload, too, which reports it.
        with contextlib.suppress(RegistryError, NotFound, ProtocolViolation, NetworkError):
            started = self._client.ask(request, Access(self._path, scopes, self.traffic), 201, 202)
            if started.status == 201:
                return True
        if opener:
            self._upload(blob, opener).send(started)
        elif started:
            with contextlib.suppress(OcikitError):
                self._client.ask(protocol.cancel_upload(protocol.upload_location(started)), self._push, 204)
        return False

    @_scrubbed
    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        name = tag or str(manifest.descriptor.digest)
        request = protocol.put_manifest(self._at, name, manifest)
        answer = self._client.ask(request, self._push, 200, 201, 202)
        protocol.check_stored(answer, manifest)

    @_scrubbed
    def push_with_tags(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> frozenset[str]:
        """Store a manifest and set `tags` on it in one request; return the tags that the registry set.

        The caller sets the others with `push_manifest`. If the registry does not support this, its client finds out
        once, and later calls send nothing.
        """
        if len(tags) == 1:
            self.push_manifest(manifest, tags[0])
        if len(tags) < 2:
            return frozenset(tags)
        client = self._client
        if client.takes_tags is None:
            with client.tags_lock:
                if client.takes_tags is None:
                    tagged = self._put_tags(manifest, tags)
                    client.takes_tags = bool(tagged)
                    return tagged
        return self._put_tags(manifest, tags) if client.takes_tags else frozenset()

    def _put_tags(self, manifest: Manifest | ImageIndex, tags: Sequence[str]) -> frozenset[str]:
        tagged: frozenset[str] = frozenset()
        for start in range(0, len(tags), protocol.MAX_TAGS):
            some = tags[start : start + protocol.MAX_TAGS]
            request = protocol.put_manifest(self._at, str(manifest.descriptor.digest), manifest, some)
            answer = self._client.ask(request, self._push, 200, 201, 202, *protocol.NO_TAGS)
            if answer.status in protocol.NO_TAGS:
                error = self._client.failure(answer, self._push, 201)
                if is_immutable_tag(error):
                    raise error
                break
            protocol.check_stored(answer, manifest)
            confirmed = protocol.confirmed_tags(answer, some)
            tagged |= confirmed
            if not confirmed:
                break
        return tagged

    def _upload(self, blob: Descriptor, opener: Opener) -> BlobUpload:
        return BlobUpload(self._client, self._at, self._push, blob, opener)

    def _from_mirrors(self, read: Callable[[RegistryRepository], _Found | None]) -> _Found | None:
        """The result of the first mirror that has it; a mirror that cannot be reached is not tried again."""
        for mirror in self._mirrors:
            if not mirror._client.reachable:
                continue
            try:
                found = read(mirror)
            except NetworkError:
                mirror._client.reachable = False
            except OcikitError:
                # If anything is wrong, the registry itself reports it.
                pass
            else:
                if found:
                    return found
        return None

    def _access(self, *, push: bool) -> Access:
        return Access(self._path, (repository_scope(self._path, push=push),), self.traffic)

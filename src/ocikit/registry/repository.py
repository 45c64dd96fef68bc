"""One repository of a registry as a `Store`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from ocikit.descriptor import Descriptor
from ocikit.digest import verified
from ocikit.errors import InvalidContent, NotFound
from ocikit.manifest import ImageIndex, Manifest
from ocikit.reference import Repository
from ocikit.registry import protocol
from ocikit.registry.auth import Access
from ocikit.registry.challenge import repository_scope
from ocikit.registry.client import RegistryClient
from ocikit.registry.exchange import Answer
from ocikit.store import Opener

_STORED = (201, 204)


class RegistryRepository:
    """A `Store` at `repository`, over a client of its registry.

    `for_push`: ask for a token that allows pushing from the start, instead of one more when it is
    needed. Every method may raise NetworkError, RegistryError and ProtocolViolation.
    """

    def __init__(self, client: RegistryClient, repository: Repository, *, for_push: bool = False) -> None:
        self._client = client
        self._path = repository.path
        self._at = f"{client.base}/v2/{repository.path}"
        self._push = self._access(push=True)
        self._pull = self._push if for_push else self._access(push=False)

    def resolve(self, name: str) -> Descriptor | None:
        """See `Store`. One GET more where the registry's answer to HEAD lacks a header."""
        answer = self._client.ask(protocol.manifest("HEAD", self._at, name), self._pull, 200, 404)
        if answer.status == 404:
            return None
        description = protocol.read_description(answer, name)
        if description:
            return description
        try:
            return self.fetch_manifest(name).descriptor
        except NotFound:
            return None

    def fetch_manifest(self, name: str) -> Manifest | ImageIndex:
        answer = self._client.ask(protocol.manifest("GET", self._at, name), self._pull, 200)
        return protocol.read_manifest(answer, name)

    def has_blob(self, blob: Descriptor) -> bool:
        request = protocol.blob("HEAD", self._at, blob.digest)
        answer = self._client.ask(request, self._pull, 200, 404)
        size = answer.headers.get("content-length", str(blob.size))
        return answer.status == 200 and size == str(blob.size)

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        return self._client.open(protocol.blob("GET", self._at, blob.digest), self._pull)

    def push_blob(self, blob: Descriptor, opener: Opener) -> None:
        """See `Store`. In one piece, or in several where the registry or a proxy wants that."""
        size = self._client.piece_size
        if size is None:
            self._send_blob(self._start_upload(), blob, opener)
        else:
            self._send_in_pieces(size, blob, opener)

    def mount_blob(self, blob: Descriptor, source: str, opener: Opener | None = None) -> bool:
        """Take a blob over from the repository `source` (its path) of the same registry.

        Returns False where the registry does not: then the blob was sent if `opener` is given.
        """
        access = Access(self._path, (*self._push.scopes, repository_scope(source, push=False)))
        request = protocol.mount(self._at, blob.digest, source)
        answer = self._client.ask(request, access, 201, 202)
        if answer.status == 201:
            return True
        if opener and self._client.piece_size is None:
            self._send_blob(answer, blob, opener)
        elif opener:
            self.push_blob(blob, opener)
        return False

    def push_manifest(self, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        name = tag or str(manifest.descriptor.digest)
        request = protocol.put_manifest(self._at, name, manifest)
        answer = self._client.ask(request, self._push, 200, 201, 202)
        protocol.check_stored(answer, manifest)

    def _access(self, *, push: bool) -> Access:
        return Access(self._path, (repository_scope(self._path, push=push),))

    def _start_upload(self) -> Answer:
        return self._client.ask(protocol.start_upload(self._at), self._push, 202)

    def _send_blob(self, started: Answer, blob: Descriptor, opener: Opener) -> None:
        """Send a blob in one piece, else in smaller and smaller ones."""
        location = protocol.upload_location(started)
        body = _BlobBody(blob, opener)
        # requests takes a body of length 0 for one of unknown length.
        request = protocol.finish_upload(location, blob.digest, body if blob.size else b"".join(body))
        answer = self._client.ask(request, self._push, *_STORED, *protocol.WANTS_PIECES)
        if answer.status in protocol.WANTS_PIECES:
            self._send_in_pieces(self._smaller(answer, blob, None), blob, opener)

    def _send_in_pieces(self, size: int, blob: Descriptor, opener: Opener) -> None:
        """Send a blob in pieces of `size` bytes, else of fewer; remember what worked."""
        while True:
            refused = self._send_pieces(blob, opener, size)
            if refused is None:
                self._client.piece_size = size
                return
            size = self._smaller(refused, blob, size)

    def _smaller(self, refused: Answer, blob: Descriptor, tried: int | None) -> int:
        size = protocol.next_piece_size(refused.status, blob.size, tried)
        if size is None:
            raise self._client.failure(refused, self._push, *_STORED)
        return size

    def _send_pieces(self, blob: Descriptor, opener: Opener, size: int) -> Answer | None:
        """Send a blob in pieces of `size` bytes; returns the answer that found one too large."""
        started = self._start_upload()
        location, sent = protocol.upload_location(started), 0
        for piece in _pieces(_BlobBody(blob, opener), max(size, protocol.least_piece_size(started))):
            request = protocol.send_piece(location, sent, piece)
            answer = self._client.ask(request, self._push, 201, 202, 204, *protocol.WANTS_PIECES)
            if answer.status in protocol.WANTS_PIECES:
                return answer
            location, sent = protocol.upload_location(answer), sent + len(piece)
        self._client.ask(protocol.finish_upload(location, blob.digest, b""), self._push, *_STORED)
        return None


class _BlobBody:
    """A blob's bytes, verified: the last of them only after all were found to be right.

    So a registry never has the whole of a wrong blob. Can be read again: after a 401, for instance.
    """

    def __init__(self, blob: Descriptor, opener: Opener) -> None:
        self._blob = blob
        self._opener = opener

    def __len__(self) -> int:
        return self._blob.size

    def __iter__(self) -> Iterator[bytes]:
        what = f"the blob {self._blob.digest}"
        held = b""
        try:
            with self._opener() as stream:
                for chunk in verified(stream, self._blob.digest, self._blob.size, what):
                    if held:
                        yield held
                    held = chunk
        except OSError as error:
            raise InvalidContent(f"{what} cannot be read: {error}") from None
        if held:
            yield held


def _pieces(chunks: _BlobBody, size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter."""
    piece = bytearray()
    for chunk in chunks:
        piece += chunk
        while len(piece) >= size:
            yield bytes(piece[:size])
            del piece[:size]
    if piece:
        yield bytes(piece)

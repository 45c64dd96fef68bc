"""Upload of one blob: monolithic if that works, else chunked, and resumed while the registry keeps what it received.

After any failure the client asks how much arrived, and continues from there. It starts a new upload only if the old one
is gone: docker-registry, for one, forgets an upload when the connection breaks within a chunk. Spec: distribution-spec
v1.1.1, "Pushing blobs".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Optional

from ocikit.errors import InvalidContent, NetworkError, NotFound, OcikitError, ProtocolViolation, RegistryError
from ocikit.registry import protocol
from ocikit.registry.auth import Access
from ocikit.registry.client import RegistryClient
from ocikit.registry.error_response import read_error
from ocikit.registry.http import Request, Response, StreamedBody, namers
from ocikit.registry.retry_policy import ATTEMPTS, TRANSIENT, Outcome
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import verified
from ocikit.store.store import Opener

_STORED = (201, 204)
_OUT_OF_STEP = 416
_UNFINISHED = (*protocol.CHUNKED_STATUSES, *sorted(TRANSIENT), _OUT_OF_STEP)
_TOO_LARGE = 413
# How often one blob is restarted or resumed without a pause. A healthy registry needs that once or twice; one that
# reports one more byte each time would need it for every byte of the blob.
_MOST_AT_ONCE = 20
# The last request and its outcome; None when the upload is complete.
_Step = Optional[tuple[Request, Outcome]]


class BlobUpload:
    """Uploads one blob, once. Chunked if the registry has rejected a monolithic upload, which it may do now."""

    def __init__(self, client: RegistryClient, at: str, access: Access, blob: Descriptor, opener: Opener) -> None:
        self._client = client
        self._at = at
        self._access = access
        self._blob = blob
        self._body = _BlobBody(blob, opener)
        self._chunk_size = client.chunk_size
        self._refused = False
        # Attempts in a row that got no further than earlier ones.
        self._attempt = 0
        self._furthest = 0
        self._at_once = 0

    def send(self, started: Response | None = None) -> None:
        """Upload the blob. `started`: the response that began the upload, if any. Raises as `Store.push_blob`."""
        while True:
            self._begin(started or self._client.ask(protocol.start_upload(self._at), self._access, 202))
            try:
                self._go_on()
            except _Gone as gone:
                if self._attempt >= ATTEMPTS or not self._may_at_once():
                    raise gone.failure from None
                started = None
            else:
                if self._refused:
                    self._client.chunk_size = self._chunk_size
                return

    def _begin(self, started: Response) -> None:
        self._go_to(started)
        self._least = protocol.least_chunk_size(started)
        self._sent = 0

    def _go_to(self, answer: Response) -> None:
        self._location = protocol.upload_location(answer)
        self._named_by = namers(answer)

    def _ask_there(self, request: Request, *expected: int) -> Response:
        return self._client.ask(replace(request, named_by=self._named_by), self._access, *expected)

    def _go_on(self) -> None:
        while True:
            step = self._send_rest()
            if step is None:
                return
            self._attempt = 1 if self._sent > self._furthest else self._attempt + 1
            self._furthest = max(self._furthest, self._sent)
            if self._look_into(*step):
                return

    def _send_rest(self) -> _Step:
        if self._chunk_size is None and not self._sent:
            return self._finish(self._body if self._blob.size else b"")
        for chunk in self._body.chunks(self._size, self._sent):
            request = protocol.send_chunk(self._location, self._sent, chunk)
            outcome = self._outcome(request, 201, 202, 204)
            if isinstance(outcome, NetworkError) or outcome.status in _UNFINISHED:
                return request, outcome
            self._go_to(outcome)
            self._sent += len(chunk)
        return self._finish(b"")

    def _finish(self, body: bytes | StreamedBody) -> _Step:
        request = protocol.finish_upload(self._location, self._blob, body)
        outcome = self._outcome(request, *_STORED)
        if isinstance(outcome, Response) and outcome.status in _STORED:
            return None
        return request, outcome

    def _outcome(self, request: Request, *expected: int) -> Outcome:
        try:
            return self._ask_there(request, *expected, *_UNFINISHED)
        except NetworkError as error:
            return error

    def _look_into(self, request: Request, outcome: Outcome) -> bool:
        """Find out how far the upload got; return whether the blob is stored. Raises if a retry is useless."""
        status = outcome.status if isinstance(outcome, Response) else None
        if isinstance(outcome, Response) and read_error(outcome)[0] == "BLOB_UPLOAD_UNKNOWN":
            raise _Gone(self._failure(outcome))
        if isinstance(outcome, Response) and status in protocol.CHUNKED_STATUSES:
            self._shrink(outcome)
        elif status != _OUT_OF_STEP or self._attempt >= ATTEMPTS or not self._may_at_once():
            self._client.wait(self._attempt, request, outcome, self._access)
            if request.method == "PUT" and self._is_there():
                return True
            if status != 429 and self._attempt > bool(self._chunk_size):
                # A proxy may silently cut off a body that is too large for it.
                self._chunk_size = self._smaller(_TOO_LARGE) or self._chunk_size
        self._resume(outcome)
        return False

    def _may_at_once(self) -> bool:
        self._at_once += 1
        return self._at_once <= _MOST_AT_ONCE

    def _is_there(self) -> bool:
        request = protocol.blob("HEAD", self._at, self._blob.digest)
        return self._client.ask(request, self._access, 200, 404).status == 200

    def _resume(self, outcome: Outcome) -> None:
        try:
            answer = self._ask_there(protocol.upload_status(self._location), 200, 202, 204)
        except (NotFound, RegistryError, ProtocolViolation):
            raise _Gone(self._failure(outcome)) from None
        self._sent = protocol.received(answer)
        if self._sent > self._blob.size:
            raise _Gone(self._failure(outcome))
        if "location" in answer.headers:
            self._go_to(answer)

    @property
    def _size(self) -> int:
        return max(self._chunk_size or protocol.CHUNK_SIZES[0], self._least)

    def _smaller(self, status: int) -> int | None:
        tried = self._size if self._chunk_size or self._sent else None
        return protocol.next_chunk_size(status, self._blob.size, tried)

    def _shrink(self, refused: Response) -> None:
        self._chunk_size = self._smaller(refused.status)
        self._refused = True
        if self._chunk_size is None:
            raise self._failure(refused)

    def _failure(self, outcome: Outcome) -> OcikitError:
        if isinstance(outcome, NetworkError):
            return outcome
        return self._client.failure(outcome, self._access, *_STORED)


class _Gone(Exception):
    """The registry has lost the upload; another one may succeed."""

    def __init__(self, failure: OcikitError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _BlobBody:
    """A blob's bytes, verified: the last chunk is yielded only after all bytes were found correct.

    So a registry never has the whole of a wrong blob. Can be read again, for instance after a 401.
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

    def chunks(self, size: int, start: int) -> Iterator[bytes]:
        """The bytes from `start` on in chunks of `size`; the last one may be shorter."""
        chunk = bytearray()
        for part in self:
            skipped = min(start, len(part))
            start -= skipped
            chunk += part[skipped:]
            while len(chunk) >= size:
                yield bytes(chunk[:size])
                del chunk[:size]
        if chunk:
            yield bytes(chunk)

"""A registry in memory on a real socket, strict about the specification, that can be made to fail.

    with FakeRegistry(auth="basic") as registry:
        ... registry.address                      # "127.0.0.1:PORT", for plain HTTP
        registry.faults = Faults(no_mount=True)
        registry.requests                         # what went over the wire

`tests/registry_conformance_test.py` checks it against the specification, as it does a real registry.
Spec: distribution-spec v1.1.1.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Callable

from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_contents import FakeRepository, Refused
from ocikit.testing.fake_endpoints import check_access, respond
from ocikit.testing.fake_faults import NO_FAULTS, Break, Counter, Disturbance, Faults, Refusal
from ocikit.testing.fake_http import Dropped, FakeAnswer, FakeServer, Incoming, to_bytes

__all__ = ["Break", "Disturbance", "FakeRegistry", "Faults", "RecordedRequest", "Refusal"]

# The bytes of a body that are kept in the record of requests.
_RECORDED = 4096


@dataclass(frozen=True)
class RecordedRequest:
    """A received request; `path` includes the query, header names are in lower case.

    `body` is its beginning. `status` is 0 if no response was sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body_size: int
    status: int
    client_port: int
    body: bytes = b""


class FakeRegistry:
    """See the module. `auth` is "none", "basic" or "token"; with `prefix` ("/registry") the API is below it.

    `down_seconds`: how long Break.REFUSED lasts; None: until `resume()`.
    """

    def __init__(
        self,
        auth: str = "none",
        *,
        username: str = "user",
        password: str = "password",
        anonymous_pull: bool = False,
        prefix: str = "",
        faults: Faults = NO_FAULTS,
        down_seconds: float | None = None,
    ) -> None:
        self.auth = FakeAuth(auth, username, password, anonymous_pull)
        self.faults = faults
        self.prefix = prefix
        self.down_seconds = down_seconds
        self.requests: list[RecordedRequest] = []
        self.repositories: dict[str, FakeRepository] = defaultdict(FakeRepository)
        self.lock = threading.Lock()
        self.counter = Counter()
        # Called once, before the next request is processed.
        self.at_next_request: Callable[[], object] | None = None
        self.most_at_once = 0
        self._at_once = 0
        self._server = FakeServer(self._handle)
        self.address = f"127.0.0.1:{self._server.port}"
        self.url = f"http://{self.address}"

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return self._server.connections

    @property
    def open_connections(self) -> int:
        """The number of open connections; requests of closed connections are no longer processed."""
        return self._server.open_connections

    def put_blob(self, name: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.repositories[name].blobs[str(digest)] = data
        return digest

    def put_manifest(self, name: str, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """Store a manifest without the checks of a request."""
        digest = str(manifest.descriptor.digest)
        repository = self.repositories[name]
        repository.manifests[digest] = (manifest.media_type, manifest.data)
        if tag:
            repository.tags[tag] = digest

    def count(self, pattern: str) -> int:
        """Count the requests with `pattern` in "METHOD /path?query"."""
        return sum(1 for r in self.requests if re.search(pattern, f"{r.method} {r.path}"))

    def incomplete(self) -> dict[str, str]:
        """The tags ("repository:tag") of incomplete images, with a missing part of each."""
        with self.lock:
            return {
                f"{name}:{tag}": part
                for name, repository in self.repositories.items()
                for tag, part in repository.incomplete().items()
            }

    def pause(self) -> None:
        """Reset all connections and refuse new ones."""
        self._server.pause()

    def resume(self) -> None:
        """Accept connections, at the same address as before."""
        self._server.start()

    def __enter__(self) -> FakeRegistry:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _handle(self, request: Incoming) -> bytes:
        with self.lock:
            due, self.at_next_request = self.at_next_request, None
        if due:
            due()
        with self.lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            busy = self.faults.busy_above is not None and self._at_once > self.faults.busy_above
        status = 0
        try:
            answer, data = self._disturbed(request, busy=busy)
            status = answer.status
        finally:
            with self.lock:
                self._at_once -= 1
                self.requests.append(_recorded(request, status))
        limit = self.faults.drop_download_after
        if limit is not None and request.method != "HEAD" and len(answer.body) > limit:
            return self._cut(request, data, len(data) - len(answer.body) + limit)
        return data

    def _disturbed(self, request: Incoming, *, busy: bool) -> tuple[FakeAnswer, bytes]:
        disturbance = self.counter.due(self.faults.disturbances, request.line)
        what = disturbance.what if disturbance else None
        if what in _BEFORE:
            self._break_before(request, what)
        self._read_body(request)
        if self.faults.delay_seconds:
            time.sleep(self.faults.delay_seconds)
        answer = self._answer(request, busy=busy, unauthorized=what is Break.UNAUTHORIZED)
        if what is Break.LOST:
            raise Dropped
        if what is Break.WRONG_DIGEST:
            wrong = {"Docker-Content-Digest": str(Digest.of(b"something else"))}
            answer = replace(answer, headers={**answer.headers, **wrong})
        data = to_bytes(answer, request.method)
        if what is Break.TRUNCATED:
            self._cut(request, data, len(data) // 2)
        return answer, data

    def _break_before(self, request: Incoming, what: Break | None) -> None:
        if what is Break.RESET_IN_BODY:
            request.read_half()
            raise Dropped(reset=True)
        self._read_body(request)
        if what is Break.STALLED:
            request.wait_for_end()
            raise Dropped
        if what is Break.REFUSED:
            self.pause()
            if self.down_seconds is not None:
                threading.Timer(self.down_seconds, self.resume).start()
        raise Dropped(reset=True)

    def _read_body(self, request: Incoming) -> None:
        limit = self.faults.drop_upload_after
        request.read_body(limit)
        if limit is not None and int(request.headers.get("content-length", 0)) > limit:
            raise Dropped

    def _cut(self, request: Incoming, data: bytes, size: int) -> bytes:
        request.send(data[:size])
        raise Dropped

    def _answer(self, request: Incoming, *, busy: bool, unauthorized: bool) -> FakeAnswer:
        refusal = self.counter.due(self.faults.refusals, request.line)
        if refusal:
            headers = {name: value.replace("{path}", request.target) for name, value in refusal.headers}
            return FakeAnswer(refusal.status, headers, refusal.body)
        try:
            with self.lock:
                if busy:
                    raise Refused(429, "TOOMANYREQUESTS", "too many at a time", {"Retry-After": "0"})
                if unauthorized:
                    request.headers.pop("authorization", None)
                    check_access(self, request)
                answer = respond(self, request)
        except Refused as refused:
            headers = {"Content-Type": "application/json", **refused.headers}
            answer = FakeAnswer(refused.status, headers, refused.body())
        if self.faults.warning:
            answer = replace(answer, headers={**answer.headers, "Warning": f'299 - "{self.faults.warning}"'})
        return answer


_BEFORE = (Break.REFUSED, Break.RESET, Break.RESET_IN_BODY, Break.STALLED)


def _recorded(request: Incoming, status: int) -> RecordedRequest:
    return RecordedRequest(
        request.method,
        request.target,
        dict(request.headers),
        len(request.body),
        status,
        request.client_port,
        request.body[:_RECORDED],
    )

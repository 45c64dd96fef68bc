"""A registry on a real socket, in memory, strict to the specification, that can be made to fail.

    with FakeRegistry(auth="basic") as registry:
        ... registry.address                      # "127.0.0.1:PORT", spoken to with plain HTTP
        registry.faults = Faults(no_mount=True)
        registry.requests                         # what went over the wire

Spec: distribution-spec v1.1.1.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from ocikit.digest import Digest
from ocikit.manifest import ImageIndex, Manifest
from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_contents import FakeRepository, Refused

# distribution-spec v1.1.1, "Pulling manifests".
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_ROUTE = re.compile(rf"/v2/(?:(?P<name>{_NAME})/(?P<kind>blobs/uploads|blobs|manifests|tags)/(?P<rest>[^/]*))?")
_HTML = (b"<!DOCTYPE html><title>Sign in</title>", {"Content-Type": "text/html; charset=utf-8"})


@dataclass(frozen=True)
class Refusal:
    """Answer `status`, `times` times (None: always), where `pattern` is in "METHOD /path?query"."""

    pattern: str
    status: int
    times: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"refused by the test"


@dataclass(frozen=True)
class Faults:
    """What a fake registry does wrong, or differently. Sizes are bytes of a body."""

    refusals: tuple[Refusal, ...] = ()
    read_only: bool = False  # 405 and plain text to everything that writes
    html: bool = False  # 200 and a page to everything
    immutable_tags: bool = False
    no_mount: bool = False
    relative_location: bool = False
    require_pieces: bool = False  # 405 to a blob in one PUT
    max_body: int | None = None  # 413 above it
    wrong_digest: bool = False  # in Docker-Content-Digest
    no_digest: bool = False  # no Docker-Content-Digest
    drop_download_after: int | None = None
    drop_upload_after: int | None = None
    redirect_blobs: str = ""  # GET of a blob is sent to this address, "http://host:port"


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it came over the wire; `path` with its query, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body_size: int
    status: int
    client_port: int


class FakeRegistry:
    """See the module. `auth` is "none", "basic" or "token"."""

    def __init__(
        self,
        auth: str = "none",
        *,
        username: str = "user",
        password: str = "password",
        anonymous_pull: bool = False,
        faults: Faults = Faults(),
    ) -> None:
        self.auth = FakeAuth(auth, username, password, anonymous_pull)
        self.faults = faults
        self.requests: list[RecordedRequest] = []
        self.repositories: defaultdict[str, FakeRepository] = defaultdict(FakeRepository)
        self.lock = threading.Lock()
        self.refused: dict[Refusal, int] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.registry = self
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"

    def put_blob(self, name: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.repositories[name].blobs[str(digest)] = data
        return digest

    def put_manifest(self, name: str, manifest: Manifest | ImageIndex, tag: str | None = None) -> None:
        """Store without the checks that a request would meet."""
        digest = str(manifest.descriptor.digest)
        repository = self.repositories[name]
        repository.manifests[digest] = (manifest.media_type, manifest.data)
        if tag:
            repository.tags[tag] = digest

    def count(self, pattern: str) -> int:
        """How many requests had `pattern` in "METHOD /path?query"."""
        return sum(1 for r in self.requests if re.search(pattern, f"{r.method} {r.path}"))

    def refusal(self, line: str) -> Refusal | None:
        for refusal in self.faults.refusals:
            done = self.refused.get(refusal, 0)
            if re.search(refusal.pattern, line) and (refusal.times is None or done < refusal.times):
                self.refused[refusal] = done + 1
                return refusal
        return None

    def __enter__(self) -> FakeRegistry:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    registry: FakeRegistry

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that a client dropped is nothing to print a stack trace for."""


class _Dropped(Exception):
    """The connection is to be closed without an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one write: the second of two would wait for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def handle_any(self) -> None:
        self._status, self._body = 0, b""
        try:
            self._body = self._read_body()
            with self._registry.lock:
                answer = self._answer()
            self._reply(*answer)
        except Refused as refused:
            headers = {"Content-Type": "application/json", **refused.headers}
            self._reply(refused.status, headers, refused.body())
        except _Dropped:
            self.close_connection = True
            self._record()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(
        self,
        format: str,  # noqa: A002 - the name of the base class
        *args: object,
    ) -> None:
        """Tests read `requests`, not standard error."""

    @property
    def _registry(self) -> FakeRegistry:
        return self.server.registry

    @property
    def _authorization(self) -> str:
        return self.headers.get("Authorization", "")

    def _read_body(self) -> bytes:
        size = int(self.headers.get("Content-Length", 0))
        limit = self._registry.faults.drop_upload_after
        if limit is not None and size > limit:
            self.rfile.read(limit)
            raise _Dropped
        return self.rfile.read(size)

    def _record(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(
            self.command, self.path, headers, len(self._body), self._status, self.client_address[1]
        )
        self._registry.requests.append(request)

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self._status = status
        self._record()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        limit = self._registry.faults.drop_download_after
        if self.command == "HEAD":
            return
        if limit is not None and len(body) > limit:
            body, self.close_connection = body[:limit], True
        self.wfile.write(body)

    def _answer(self) -> tuple[int, Mapping[str, str], bytes]:
        faults, url = self._registry.faults, urlsplit(self.path)
        refusal = self._registry.refusal(f"{self.command} {self.path}")
        if refusal:
            return refusal.status, dict(refusal.headers), refusal.body
        if faults.html:
            return 200, _HTML[1], _HTML[0]
        if faults.max_body is not None and len(self._body) > faults.max_body:
            return 413, _HTML[1], _HTML[0]
        if url.path == "/token":
            form = self._body if self.command == "POST" else None
            return 200, {}, self._registry.auth.token(url.query, self._authorization, form)
        if faults.read_only and self.command not in ("GET", "HEAD"):
            return 405, {"Content-Type": "text/plain"}, b"this registry is read-only"
        return self._route(url.path, {k: v[0] for k, v in parse_qs(url.query).items()})

    def _route(self, path: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        route = _ROUTE.fullmatch(path)
        if route is None:
            raise Refused(404, "NAME_INVALID", f"{path} is not an endpoint")
        name, kind, rest = route["name"], route["kind"], route["rest"]
        self._check_access(name)
        if name is None:
            return 200, {"Content-Type": "application/json"}, b"{}"
        if kind == "blobs/uploads":
            return self._uploads(name, rest, query)
        return getattr(self, f"_{kind}")(name, rest)  # type: ignore[no-any-return]

    def _check_access(self, name: str | None) -> None:
        scopes = [f"repository:{name}:pull"] if name else []
        if name and self.command not in ("GET", "HEAD"):
            scopes.append(f"repository:{name}:push")
        self._registry.auth.check(self._authorization, scopes, f"{self._registry.url}/token")

    def _blobs(self, name: str, digest: str) -> tuple[int, Mapping[str, str], bytes]:
        blobs, elsewhere = self._registry.repositories[name].blobs, self._registry.faults
        if digest not in blobs:
            raise Refused(404, "BLOB_UNKNOWN", f"no blob {digest}")
        if elsewhere.redirect_blobs and self.command == "GET":
            location = f"{elsewhere.redirect_blobs}{self.path}?signature=planted"
            return 307, {"Location": location}, b""
        return 200, {"Docker-Content-Digest": digest}, blobs[digest]

    def _manifests(self, name: str, reference: str) -> tuple[int, Mapping[str, str], bytes]:
        repository, faults = self._registry.repositories[name], self._registry.faults
        if self.command == "PUT":
            kind = self.headers.get("Content-Type", "")
            digest = repository.put_manifest(reference, kind, self._body, immutable_tags=faults.immutable_tags)
            location = {"Location": f"/v2/{name}/manifests/{digest}"}
            return 201, {**location, **self._digest_header(digest)}, b""
        digest, kind, data = repository.manifest(reference)
        if kind not in self.headers.get("Accept", "*/*"):
            raise Refused(404, "MANIFEST_UNKNOWN", f"{kind} is not what Accept names")
        return 200, {"Content-Type": kind, **self._digest_header(digest)}, data

    def _digest_header(self, digest: str) -> Mapping[str, str]:
        if self._registry.faults.no_digest:
            return {}
        wrong = str(Digest.of(b"something else"))
        shown = wrong if self._registry.faults.wrong_digest else digest
        return {"Docker-Content-Digest": shown}

    def _uploads(self, name: str, upload: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        repository, faults = self._registry.repositories[name], self._registry.faults
        if self.command == "POST":
            return self._start(name, query)
        if self.command == "PATCH":
            size = repository.append(upload, self._body, self.headers.get("Content-Range"))
            return 202, {**self._location(name, upload), "Range": f"0-{size - 1}"}, b""
        if self.command == "PUT":
            if faults.require_pieces and self._body:
                raise Refused(405, "UNSUPPORTED", "send the blob with PATCH")
            repository.finish_upload(upload, self._body, query.get("digest", ""))
            return 201, {"Location": f"/v2/{name}/blobs/{query['digest']}"}, b""
        size = len(repository.upload(upload))
        if self.command == "DELETE":
            del repository.uploads[upload]
        return 204, {**self._location(name, upload), "Range": f"0-{max(size - 1, 0)}"}, b""

    def _start(self, name: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        repositories, source = self._registry.repositories, query.get("from", "")
        blob = repositories[source].blobs.get(query.get("mount", "")) if source else None
        allowed = self._registry.auth.may(self._authorization, f"repository:{source}:pull")
        if blob is not None and allowed and not self._registry.faults.no_mount:
            repositories[name].blobs[query["mount"]] = blob
            return 201, {"Location": f"/v2/{name}/blobs/{query['mount']}"}, b""
        return 202, self._location(name, repositories[name].start_upload()), b""

    def _location(self, name: str, upload: str) -> Mapping[str, str]:
        """With a query of its own, as many registries have, that must be kept."""
        base = "" if self._registry.faults.relative_location else self._registry.url
        return {"Location": f"{base}/v2/{name}/blobs/uploads/{upload}?state=a%2Fb"}

    def _tags(self, name: str, rest: str) -> tuple[int, Mapping[str, str], bytes]:
        if rest != "list":
            raise Refused(404, "UNSUPPORTED", f"tags/{rest}")
        tags = sorted(self._registry.repositories[name].tags)
        listed = ",".join(f'"{tag}"' for tag in tags)
        body = f'{{"name":"{name}","tags":[{listed}]}}'.encode()
        return 200, {"Content-Type": "application/json"}, body

"""The endpoints of a fake registry, from requests to responses. No sockets.

Spec: distribution-spec v1.1.1, "Endpoints"; several tags in one PUT are from its next version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qs, quote, urlsplit

from ocikit.errors import InvalidInput
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_contents import FakeRepository, Refused, subject
from ocikit.testing.fake_faults import Faults
from ocikit.testing.fake_http import FakeAnswer, Incoming

# distribution-spec v1.1.1, "Pulling manifests".
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_ROUTE = re.compile(
    rf"/v2/(?:(?P<name>{_NAME})/(?P<kind>blobs/uploads|blobs|manifests|tags|referrers)/(?P<rest>[^/]*))?"
)
HTML = FakeAnswer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<!DOCTYPE html><title>Sign in</title>")
_JSON = {"Content-Type": "application/json"}
_READING = ("GET", "HEAD")

Query = Mapping[str, Sequence[str]]


class Registry(Protocol):
    """What the endpoints need of a registry."""

    auth: FakeAuth
    faults: Faults
    url: str
    prefix: str
    repositories: dict[str, FakeRepository]


def respond(registry: Registry, request: Incoming) -> FakeAnswer:
    """Process a request and return the response. Raises Refused."""
    url, faults = urlsplit(request.target), registry.faults
    if faults.html:
        return HTML
    if faults.max_body is not None and len(request.body) > faults.max_body:
        return FakeAnswer(413, HTML.headers, HTML.body)
    if url.path == "/token":
        form = request.body if request.method == "POST" else None
        authorization = request.headers.get("authorization", "")
        return FakeAnswer(200, _JSON, registry.auth.token(url.query, authorization, form))
    if faults.read_only and request.method not in _READING:
        return FakeAnswer(405, {"Content-Type": "text/plain"}, b"this registry is read-only")
    route = _ROUTE.fullmatch(url.path[len(registry.prefix) :]) if url.path.startswith(registry.prefix) else None
    if route is None:
        raise Refused(404, "NAME_INVALID", f"{url.path} is not an endpoint")
    check_access(registry, request)
    if route["name"] is None:
        return FakeAnswer(200, _JSON, b"{}")
    endpoint = _ENDPOINTS[route["kind"]](registry, request, route["name"])
    return endpoint.respond(route["rest"], parse_qs(url.query, keep_blank_values=True))


def check_access(registry: Registry, request: Incoming) -> None:
    """Raise Refused (401) unless the request is authorized."""
    path = urlsplit(request.target).path[len(registry.prefix) :]
    route = _ROUTE.fullmatch(path)
    name = route["name"] if route else None
    scopes = [f"repository:{name}:pull"] if name else []
    if name and request.method not in _READING:
        scopes.append(f"repository:{name}:push")
    registry.auth.check(request.headers.get("authorization", ""), scopes, f"{registry.url}/token")


class _Endpoint:
    def __init__(self, registry: Registry, request: Incoming, name: str) -> None:
        self._registry, self._faults, self._request, self._name = registry, registry.faults, request, name
        self._at = f"{registry.prefix}/v2/{name}"

    def respond(self, rest: str, query: Query) -> FakeAnswer:
        raise NotImplementedError

    def _readable(self) -> FakeRepository:
        return self._registry.repositories.get(self._name, FakeRepository())

    def _writable(self) -> FakeRepository:
        return self._registry.repositories.setdefault(self._name, FakeRepository())

    def _unsupported(self) -> Refused:
        return Refused(405, "UNSUPPORTED", f"{self._request.method} of this")

    def _digest_header(self, digest: str) -> Mapping[str, str]:
        if self._faults.no_digest:
            return {}
        wrong = str(Digest.of(b"something else"))
        return {"Docker-Content-Digest": wrong if self._faults.wrong_digest else digest}


class _Blobs(_Endpoint):
    def respond(self, rest: str, query: Query) -> FakeAnswer:
        blobs = self._readable().blobs
        if rest not in blobs:
            raise Refused(404, "BLOB_UNKNOWN", f"no blob {rest}")
        if self._request.method == "DELETE":
            del blobs[rest]
            return FakeAnswer(202)
        if self._request.method not in _READING:
            raise self._unsupported()
        if self._faults.redirect_blobs and self._request.method == "GET":
            location = f"{self._faults.redirect_blobs}{self._request.target}?signature=planted"
            return FakeAnswer(307, {"Location": location})
        headers = {"Docker-Content-Digest": rest, "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        return _part(FakeAnswer(200, headers, blobs[rest]), self._request.headers.get("range", ""))


def _part(whole: FakeAnswer, span: str) -> FakeAnswer:
    """The bytes that a Range header asks for. Spec: RFC 9110, section 14."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", span)
    if not found:
        return whole
    size = len(whole.body)
    start, end = int(found[1]), min(int(found[2] or size), size - 1)
    if start > end:
        return FakeAnswer(416, {"Content-Range": f"bytes */{size}"})
    return FakeAnswer(
        206, {**whole.headers, "Content-Range": f"bytes {start}-{end}/{size}"}, whole.body[start : end + 1]
    )


class _Manifests(_Endpoint):
    def respond(self, rest: str, query: Query) -> FakeAnswer:
        if self._request.method == "PUT":
            return self._put(rest, query)
        repository = self._readable()
        if self._request.method == "DELETE":
            repository.delete_manifest(rest)
            return FakeAnswer(202)
        if self._request.method not in _READING:
            raise self._unsupported()
        digest, kind, data = repository.manifest(rest)
        accepted = self._request.headers.get("accept", "*/*")
        if "*/*" not in accepted and kind not in accepted:
            raise Refused(404, "MANIFEST_UNKNOWN", f"{kind} is not what Accept names")
        return FakeAnswer(200, {"Content-Type": kind, **self._digest_header(digest)}, data)

    def _put(self, rest: str, query: Query) -> FakeAnswer:
        kind = self._request.headers.get("content-type", "").partition(";")[0].strip()
        tags = tuple(query.get("tag", ())) if self._faults.multi_tag and ":" in rest else ()
        digest = self._writable().put_manifest(
            rest,
            kind,
            self._request.body,
            tags,
            immutable_tags=self._faults.immutable_tags,
            unchecked=self._faults.unchecked_manifests,
        )
        headers = {"Location": f"{self._at}/manifests/{digest}", **self._digest_header(digest)}
        if tags:
            headers["OCI-Tag"] = ", ".join(tags)
        about = subject(self._request.body)
        if about and not self._faults.no_referrers:
            headers["OCI-Subject"] = about
        return FakeAnswer(201, headers)


class _Uploads(_Endpoint):
    def respond(self, rest: str, query: Query) -> FakeAnswer:
        repository, method = self._writable(), self._request.method
        if method == "POST":
            if rest:
                raise self._unsupported()
            return self._start(repository, query)
        if method in ("PATCH", "PUT") and self._faults.redirect_uploads:
            return FakeAnswer(307, {"Location": f"{self._faults.redirect_uploads}{self._request.target}"})
        if method == "PATCH":
            return self._append(repository, rest)
        if method == "PUT":
            return self._finish(repository, rest, query.get("digest", [""])[0])
        size = len(repository.upload(rest))
        if method == "DELETE":
            del repository.uploads[rest]
            return FakeAnswer(204)
        return FakeAnswer(204, {**self._location(rest), "Range": f"0-{max(size - 1, 0)}"})

    def _start(self, repository: FakeRepository, query: Query) -> FakeAnswer:
        one = {key: values[0] for key, values in query.items()}
        if "digest" in one and not self._faults.no_single_post:
            repository.put_blob(self._request.body, one["digest"])
            return self._stored(one["digest"])
        blob = self._mountable(one.get("mount", ""), one.get("from", ""))
        if blob is not None and not self._faults.no_mount:
            repository.blobs[one["mount"]] = blob
            return self._stored(one["mount"])
        headers = self._location(repository.start_upload())
        if self._faults.least_chunk:
            headers["OCI-Chunk-Min-Length"] = str(self._faults.least_chunk)
        return FakeAnswer(202, headers)

    def _mountable(self, digest: str, source: str) -> bytes | None:
        """The blob, if the request may pull it from there. Spec: distribution-spec v1.1.1, "Mounting a blob"."""
        sources = [source] if source else list(self._registry.repositories) if self._faults.mount_anywhere else []
        authorization = self._request.headers.get("authorization", "")
        for name in sources:
            repository = self._registry.repositories.get(name)
            allowed = self._registry.auth.may(authorization, f"repository:{name}:pull")
            if repository and allowed and digest in repository.blobs:
                return repository.blobs[digest]
        return None

    def _append(self, repository: FakeRepository, upload: str) -> FakeAnswer:
        span = self._request.headers.get("content-range")
        try:
            size = repository.append(upload, self._request.body, span, self._faults.least_chunk)
        except Refused as refused:
            if refused.status == 416:
                there = len(repository.upload(upload))
                refused.headers.update({**self._location(upload), "Range": f"0-{max(there - 1, 0)}"})
            raise
        return FakeAnswer(202, {**self._location(upload), "Range": f"0-{max(size - 1, 0)}"})

    def _finish(self, repository: FakeRepository, upload: str, digest: str) -> FakeAnswer:
        repository.upload(upload)
        if self._faults.require_chunks and self._request.body:
            raise Refused(405, "UNSUPPORTED", "send the blob with PATCH")
        span = self._request.headers.get("content-range")
        repository.finish_upload(upload, self._request.body, span, digest)
        return self._stored(digest)

    def _stored(self, digest: str) -> FakeAnswer:
        return FakeAnswer(201, {"Location": f"{self._at}/blobs/{digest}", **self._digest_header(digest)})

    def _location(self, upload: str) -> dict[str, str]:
        """The Location of an upload, with a query that clients must keep, as in many registries."""
        base = "" if self._faults.relative_location else self._faults.uploads_at or self._registry.url
        return {"Location": f"{base}{self._at}/blobs/uploads/{upload}?state=a%2Fb"}


class _Tags(_Endpoint):
    def respond(self, rest: str, query: Query) -> FakeAnswer:
        if rest != "list" or self._request.method not in _READING:
            raise self._unsupported()
        repository = self._readable()
        if not repository.known:
            raise Refused(404, "NAME_UNKNOWN", f"no repository {self._name}")
        last = query.get("last", [""])[0].lower()
        # The specification's order ignores case.
        tags = sorted((tag for tag in repository.tags if tag.lower() > last), key=str.lower)
        limit = query.get("n", [""])[0]
        headers = dict(_JSON)
        if limit.isdigit():
            count = int(limit)
            if 0 < count < len(tags):
                headers["Link"] = f'<{self._at}/tags/list?n={count}&last={quote(tags[count - 1])}>; rel="next"'
            tags = tags[:count]
        return FakeAnswer(200, headers, json.dumps({"name": self._name, "tags": tags}).encode())


class _Referrers(_Endpoint):
    def respond(self, rest: str, query: Query) -> FakeAnswer:
        if self._faults.no_referrers or self._request.method not in _READING:
            raise Refused(404, "UNSUPPORTED", "no referrers here")
        try:
            Digest.parse(rest)
        except InvalidInput as error:
            raise Refused(400, "DIGEST_INVALID", str(error)) from None
        rows, headers = self._readable().referrers(rest), {"Content-Type": media_type.OCI_INDEX}
        artifact_types = query.get("artifactType")
        if artifact_types:
            headers["OCI-Filters-Applied"] = "artifactType"
            rows = [row for row in rows if row.get("artifactType") == artifact_types[0]]
        index = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": rows}
        return FakeAnswer(200, headers, json.dumps(index).encode())


_ENDPOINTS: Mapping[str, type[_Endpoint]] = {
    "blobs/uploads": _Uploads,
    "blobs": _Blobs,
    "manifests": _Manifests,
    "tags": _Tags,
    "referrers": _Referrers,
}

"""What a fake registry stores, and the rules by which it lets things in. No sockets."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ocikit import media_type
from ocikit.digest import Digest
from ocikit.errors import InvalidInput

_INDEXES = media_type.INDEXES
# distribution-spec v1.1.1, "Pulling manifests".
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


class Refused(Exception):
    """An answer in the error form. Spec: distribution-spec v1.1.1, "Error Codes"."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        error = {"code": self.code, "message": self.message, "detail": None}
        return json.dumps({"errors": [error]}).encode()


@dataclass
class FakeRepository:
    """Blobs and manifests by digest (manifests with their media type), digests by tag."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start_upload(self) -> str:
        upload = f"upload-{next(self._numbers)}"
        self.uploads[upload] = bytearray()
        return upload

    def upload(self, name: str) -> bytearray:
        if name not in self.uploads:
            raise Refused(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {name}")
        return self.uploads[name]

    def append(self, name: str, data: bytes, span: str | None) -> int:
        """Add a piece; `span` is its Content-Range. Returns the bytes there are."""
        upload = self.upload(name)
        if span is not None:
            found = re.fullmatch(r"(\d+)-(\d+)", span)
            wanted = (len(upload), len(upload) + len(data) - 1)
            if not found or (int(found[1]), int(found[2])) != wanted:
                raise Refused(416, "BLOB_UPLOAD_INVALID", f"wanted {wanted}, found {span}")
        upload += data
        return len(upload)

    def finish_upload(self, name: str, data: bytes, digest: str) -> None:
        content = bytes(self.upload(name)) + data
        del self.uploads[name]
        _check_digest(content, digest)
        self.blobs[digest] = content

    def manifest(self, name: str) -> tuple[str, str, bytes]:
        """Digest, media type, content. Raises Refused."""
        digest = self.tags.get(name, name)
        if digest not in self.manifests:
            raise Refused(404, "MANIFEST_UNKNOWN", f"no manifest {name}")
        return (digest, *self.manifests[digest])

    def put_manifest(self, name: str, kind: str, data: bytes, *, immutable_tags: bool) -> str:
        """Store a manifest if all that it names is there; returns its digest."""
        digest = str(Digest.of(data))
        if ":" in name:
            _check_digest(data, name)
            digest = name
        elif not _TAG.fullmatch(name):
            raise Refused(400, "MANIFEST_INVALID", f"{name} is not a tag")
        elif immutable_tags and self.tags.get(name, digest) != digest:
            raise Refused(409, "DENIED", f"tag {name} is immutable")
        self._check_manifest(kind, data)
        self.manifests[digest] = (kind, data)
        if ":" not in name:
            self.tags[name] = digest
        return digest

    def _check_manifest(self, kind: str, data: bytes) -> None:
        if kind not in (*media_type.MANIFESTS, *_INDEXES):
            raise Refused(400, "MANIFEST_INVALID", f'media type "{kind}"')
        try:
            document = json.loads(data)
            own = document.get("mediaType", kind)
            named = _named(document, kind)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(400, "MANIFEST_INVALID", repr(error)) from None
        if own != kind:
            raise Refused(400, "MANIFEST_INVALID", f"sent as {kind}, calls itself {own}")
        for digest, size in named:
            there = self.manifests[digest][1] if digest in self.manifests else None
            there = self.blobs.get(digest) if kind not in _INDEXES else there
            if there is None:
                raise Refused(404, "MANIFEST_BLOB_UNKNOWN", f"no blob {digest}")
            if len(there) != size:
                raise Refused(400, "MANIFEST_INVALID", f"{digest}: {len(there)} bytes, not {size}")


def _named(document: Any, kind: str) -> list[tuple[str, int]]:
    """Digest and size of all that must be there first."""
    if kind in _INDEXES:
        return [(item["digest"], item["size"]) for item in document["manifests"]]
    return [(item["digest"], item["size"]) for item in (document["config"], *document["layers"])]


def _check_digest(data: bytes, digest: str) -> None:
    try:
        wanted = Digest.parse(digest)
    except InvalidInput as error:
        raise Refused(400, "DIGEST_INVALID", str(error)) from None
    if hashlib.new(wanted.algorithm, data).hexdigest() != wanted.hex:
        raise Refused(400, "DIGEST_INVALID", f"the content is not {digest}")

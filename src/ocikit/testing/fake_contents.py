"""The contents of a fake registry, and its checks of what is pushed. No sockets."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ocikit.errors import InvalidInput
from ocikit.spec import media_type
from ocikit.spec.digest import Digest

_INDEXES = media_type.INDEXES
# distribution-spec v1.1.1, "Pulling manifests".
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# distribution-spec v1.1.1, "Pushing Manifests": the lowest limit that a registry should have.
_LARGEST_MANIFEST = 4 * 1024 * 1024


class Refused(Exception):
    """An error response. Spec: distribution-spec v1.1.1, "Error Codes"."""

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
    _too_short: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def known(self) -> bool:
        return bool(self.blobs or self.manifests)

    def start_upload(self) -> str:
        upload = str(uuid.UUID(int=next(self._numbers), version=4))
        self.uploads[upload] = bytearray()
        return upload

    def upload(self, name: str) -> bytearray:
        if name not in self.uploads:
            raise Refused(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {name}")
        return self.uploads[name]

    def append(self, name: str, data: bytes, span: str | None, least: int = 0) -> int:
        """Add a chunk; `span` is its Content-Range, and only the last chunk may be shorter than `least`.

        Returns the size of the upload.
        """
        upload = self.upload(name)
        if span is not None:
            found = re.fullmatch(r"(\d+)-(\d+)", span)
            expected = (len(upload), len(upload) + len(data) - 1)
            if not found or (int(found[1]), int(found[2])) != expected:
                raise Refused(416, "BLOB_UPLOAD_INVALID", f"expected {expected}, got {span}")
        if data and name in self._too_short:
            raise Refused(400, "SIZE_INVALID", f"a chunk other than the last had less than {least} bytes")
        if len(data) < least:
            self._too_short.add(name)
        upload += data
        return len(upload)

    def finish_upload(self, name: str, data: bytes, span: str | None, digest: str) -> None:
        _parsed(digest)
        if data:
            self.append(name, data, span)
        content = bytes(self.upload(name))
        del self.uploads[name]
        self.put_blob(content, digest)

    def put_blob(self, content: bytes, digest: str) -> None:
        _check_digest(content, digest)
        self.blobs[digest] = content

    def manifest(self, name: str) -> tuple[str, str, bytes]:
        """Digest, media type, content. Raises Refused."""
        digest = self.tags.get(name, name)
        if digest not in self.manifests:
            raise Refused(404, "MANIFEST_UNKNOWN", f"no manifest {name}")
        return (digest, *self.manifests[digest])

    def put_manifest(
        self,
        name: str,
        kind: str,
        data: bytes,
        tags: tuple[str, ...] = (),
        *,
        immutable_tags: bool = False,
        unchecked: bool = False,
    ) -> str:
        """Store a manifest; returns its digest. Unless `unchecked`, all that it refers to must be stored."""
        digest = str(Digest.of(data))
        if ":" in name:
            _check_digest(data, name)
            digest = name
        else:
            tags = (name, *tags)
        for tag in tags:
            if not _TAG.fullmatch(tag):
                raise Refused(400, "MANIFEST_INVALID", f"{tag} is not a tag")
            if immutable_tags and self.tags.get(tag, digest) != digest:
                raise Refused(409, "DENIED", f"tag {tag} is immutable")
        named = _check_manifest(kind, data)
        if not unchecked:
            self._check_presence(kind, named)
        self.manifests[digest] = (kind, data)
        self.tags.update(dict.fromkeys(tags, digest))
        return digest

    def delete_manifest(self, name: str) -> None:
        """Delete a tag, or a manifest with all its tags."""
        if name in self.tags:
            del self.tags[name]
            return
        self.manifest(name)
        del self.manifests[name]
        self.tags = {tag: digest for tag, digest in self.tags.items() if digest != name}

    def referrers(self, subject: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests with this `subject`. Spec: distribution-spec v1.1.1, "Listing Referrers"."""
        found = []
        for digest, (kind, data) in sorted(self.manifests.items()):
            document = json.loads(data)
            if document.get("subject", {}).get("digest") != subject:
                continue
            row = {"mediaType": kind, "digest": digest, "size": len(data)}
            artifact = document.get("artifactType") or document.get("config", {}).get("mediaType")
            optional = {"artifactType": artifact, "annotations": document.get("annotations")}
            found.append({**row, **{key: value for key, value in optional.items() if value}})
        return found

    def incomplete(self) -> dict[str, str]:
        """The tags of incomplete images, with a missing part of each; empty if there are none."""
        return {tag: part for tag, digest in self.tags.items() for part in self._missing(digest)}

    def _missing(self, digest: str) -> Iterator[str]:
        if digest not in self.manifests:
            yield digest
            return
        kind, data = self.manifests[digest]
        for part, _ in _named(json.loads(data), kind):
            if kind in _INDEXES:
                yield from self._missing(part)
            elif part not in self.blobs:
                yield part

    def _check_presence(self, kind: str, named: list[tuple[str, int]]) -> None:
        for digest, size in named:
            there = self.manifests[digest][1] if digest in self.manifests else None
            there = self.blobs.get(digest) if kind not in _INDEXES else there
            if there is None:
                raise Refused(404, "MANIFEST_BLOB_UNKNOWN", f"no blob {digest}")
            if len(there) != size:
                raise Refused(400, "MANIFEST_INVALID", f"{digest}: {len(there)} bytes, not {size}")


def _check_manifest(kind: str, data: bytes) -> list[tuple[str, int]]:
    """Check a manifest; returns the digest and size of all that it refers to."""
    if len(data) > _LARGEST_MANIFEST:
        raise Refused(413, "MANIFEST_INVALID", f"{len(data)} bytes")
    if kind not in (*media_type.MANIFESTS, *_INDEXES):
        raise Refused(400, "MANIFEST_INVALID", f'media type "{kind}"')
    try:
        document = json.loads(data)
        own = document.get("mediaType", kind)
        named = _named(document, kind)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(400, "MANIFEST_INVALID", repr(error)) from None
    if own != kind:
        raise Refused(400, "MANIFEST_INVALID", f"sent as {kind}, but its mediaType is {own}")
    return named


def subject(data: bytes) -> str | None:
    """The digest of a manifest's subject, None if it has none."""
    digest = json.loads(data).get("subject", {}).get("digest")
    return digest if isinstance(digest, str) else None


def _named(document: Any, kind: str) -> list[tuple[str, int]]:
    """Digest and size of all that must be stored before a manifest.

    Layers that are not distributable need not be. Spec: image-spec v1.1.1, layer.md#non-distributable-layers.
    """
    if kind in _INDEXES:
        return [(item["digest"], item["size"]) for item in document["manifests"]]
    layers = [item for item in document["layers"] if media_type.is_distributable(item["mediaType"])]
    return [(item["digest"], item["size"]) for item in (document["config"], *layers)]


def _parsed(digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except InvalidInput as error:
        raise Refused(400, "DIGEST_INVALID", str(error)) from None


def _check_digest(data: bytes, digest: str) -> None:
    expected = _parsed(digest)
    if hashlib.new(expected.algorithm, data).hexdigest() != expected.hex:
        raise Refused(400, "DIGEST_INVALID", f"the content is not {digest}")

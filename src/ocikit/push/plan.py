"""Decide what to send, as data.

The obvious way, pushing every image and letting the client find out what is there, costs several requests for each
blob of each image although most runs change nothing. So a run goes in phases:

1. `questions`: what is worth asking, given the answers so far. Tags first: a tag that has the wanted digest settles
   its reference with one request. Only where one differs: is the manifest there under its digest? Only where it is
   not: which of its blobs are?
2. A survey asks, until there are no more questions.
3. `plan`: the steps that are left, in an order that is safe to stop after any of them: blobs, manifests with tags.
4. Upload and commit carry the steps out; they decide nothing.

Invariants: no blob is sent twice to one destination; a tag moves only after everything it needs; what a registry
would not tell (Unknown) counts as missing, never as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import InvalidInput
from ocikit.push.remote_state import Kind, Present, Question, RemoteState
from ocikit.push.wanted import Destination, PushRequest


@dataclass(frozen=True)
class Keep:
    """The tag has the image already."""

    destination: Destination
    tag: str
    digest: Digest


@dataclass(frozen=True)
class Upload:
    """Send a blob."""

    destination: Destination
    blob: Descriptor

    def to_json(self) -> dict[str, Any]:
        return {"destination": self.destination.to_json(), "blob": self.blob.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Upload:
        destination = Destination.from_json(document["destination"])
        return cls(destination, Descriptor.from_json(document["blob"]))


@dataclass(frozen=True)
class PutManifest:
    """Store a manifest and let a tag name it; `known` when it is there and only the tag is new."""

    origin: str
    destination: Destination
    tag: str
    manifest: Descriptor
    known: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "destination": self.destination.to_json(),
            "tag": self.tag,
            "manifest": self.manifest.to_json(),
            "known": self.known,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PutManifest:
        return cls(
            document["origin"],
            Destination.from_json(document["destination"]),
            document["tag"],
            Descriptor.from_json(document["manifest"]),
            document["known"],
        )


@dataclass(frozen=True)
class Plan:
    """Steps in an order that is safe to stop after any of them."""

    kept: tuple[Keep, ...] = ()
    uploads: tuple[Upload, ...] = ()
    manifests: tuple[PutManifest, ...] = ()

    @property
    def bytes_to_send(self) -> int:
        """Compressed bytes of the blobs to be sent; manifests are not counted."""
        return sum(upload.blob.size for upload in self.uploads)

    def to_json(self) -> dict[str, Any]:
        """The steps that change something: what an executor needs."""
        return {
            "uploads": [step.to_json() for step in self.uploads],
            "manifests": [step.to_json() for step in self.manifests],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        return cls(
            (),
            tuple(Upload.from_json(step) for step in document["uploads"]),
            tuple(PutManifest.from_json(step) for step in document["manifests"]),
        )


def questions(wanted: Sequence[PushRequest], seen: RemoteState) -> tuple[Question, ...]:
    """What is worth asking next; nothing when `seen` is all that `plan` can use. Pure."""
    asked = dict.fromkeys(q for request in wanted for q in _next_questions(request, seen))
    return tuple(q for q in asked if q not in seen)


def plan(wanted: Sequence[PushRequest], seen: RemoteState) -> Plan:
    """Decide what to send so that every wanted tag names its image, and nothing is sent twice.

    Pure: equal arguments give an equal plan. `seen`: answers to `questions`; a missing answer is Unknown. Raises
    InvalidInput if two images want one tag. Spec: distribution-spec v1.1.1, "Pushing Manifests".
    """
    _refuse_conflicts(wanted)
    kept, manifests = [], []
    uploads: dict[tuple[Destination, Digest], Upload] = {}
    for request in wanted:
        image = request.manifest.descriptor
        changed = [tag for tag in request.tags if not _has_image(request, tag, seen)]
        kept += [Keep(request.destination, tag, image.digest) for tag in request.tags if tag not in changed]
        known = isinstance(seen[_manifest_question(request)], Present)
        if changed and not known:
            for blob in request.manifest.blobs:
                if not isinstance(seen[_blob_question(request, blob)], Present):
                    key = (request.destination, blob.digest)
                    uploads.setdefault(key, Upload(request.destination, blob.plain()))
        manifests += [PutManifest(request.origin, request.destination, tag, image, known) for tag in changed]
    return Plan(tuple(kept), tuple(uploads.values()), tuple(manifests))


def _next_questions(request: PushRequest, seen: RemoteState) -> Iterator[Question]:
    tags = [_tag_question(request, tag) for tag in request.tags]
    yield from tags
    if not all(tag in seen for tag in tags):
        return
    if all(_has_image(request, tag, seen) for tag in request.tags):
        return
    manifest = _manifest_question(request)
    yield manifest
    if manifest in seen and not isinstance(seen[manifest], Present):
        yield from (_blob_question(request, blob) for blob in request.manifest.blobs)


def _has_image(request: PushRequest, tag: str, seen: RemoteState) -> bool:
    return seen.digest(_tag_question(request, tag)) == request.manifest.descriptor.digest


def _tag_question(request: PushRequest, tag: str) -> Question:
    return Question(request.destination, Kind.TAG, tag)


def _manifest_question(request: PushRequest) -> Question:
    return Question(request.destination, Kind.MANIFEST, str(request.manifest.descriptor.digest))


def _blob_question(request: PushRequest, blob: Descriptor) -> Question:
    return Question(request.destination, Kind.BLOB, str(blob.digest), blob.size)


def _refuse_conflicts(wanted: Sequence[PushRequest]) -> None:
    owners: dict[str, PushRequest] = {}
    for request in wanted:
        for tag in request.tags:
            reference = request.destination.reference(tag)
            other = owners.setdefault(reference, request)
            if other.manifest.data != request.manifest.data:
                raise InvalidInput(
                    f"{request.origin}: {reference} is wanted for two images, also by {other.origin}. "
                    "Give one of them another repository or tag."
                )

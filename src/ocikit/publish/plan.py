"""Decide what to upload, as data.

The obvious way is to push every image and let the client find out what exists. It costs several requests for each blob
of each image although most runs change nothing, and it uploads a blob that images share once for each of them. So a run
has phases, for all of its images together:

1. `questions`: the questions to ask, given the answers so far. Tags come first: a tag that has the requested digest
   settles its reference with one request. Only if a tag differs: does the manifest exist under its digest? Only if it
   does not: which of its blobs exist? (For an index: which of its images exist, and which blobs of the others?) For a
   new tag on content that this machine published before, the manifest comes first: that settles it with one request
   too.
2. A survey asks until there are no more questions.
3. `plan`: the remaining steps. A blob that another repository of the registry has is mounted from there. A blob that no
   repository has is uploaded to the first one, and the others mount it.
4. The steps are executed in an order that is safe to stop after any of them: blobs, images of indexes, manifests with
   tags. The execution decides nothing; if a registry does not mount a blob, it reports that, and another plan follows.

Invariants: no blob is uploaded twice to one registry that mounts; a tag moves only after everything it needs is stored;
a question that a registry did not answer (Unknown) counts as missing, never as present; the memory of this machine only
changes the order of questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ocikit.errors import InvalidInput
from ocikit.publish.changes import compared_children, content_question
from ocikit.publish.history import History, holder
from ocikit.publish.remote_state import Absent, Content, Memory, Present, Question, QuestionKind, RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Blocked, Mount, Plan, PutManifest, PutPlatformManifest, Unchanged, Upload
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest


@dataclass(frozen=True)
class Policy:
    """What questions and plans rely on.

    `verify_blobs`: a tag with the right digest is not enough, every blob must exist. `memory`, `history`: the
    memory of this machine.
    """

    verify_blobs: bool = False
    memory: Memory = field(default_factory=lambda: MappingProxyType({}))
    history: History = field(default_factory=lambda: MappingProxyType({}))


DEFAULT_POLICY = Policy()
# The repositories that did not mount a blob, with its digest.
RefusedMounts = frozenset[tuple[Destination, Digest]]


def questions(
    requests: Sequence[PushRequest], seen: RemoteState, policy: Policy = DEFAULT_POLICY
) -> tuple[Question, ...]:
    """The questions to ask next; none if `seen` has all that `plan` can use. Pure."""
    asked = dict.fromkeys(q for request in requests for q in _next_questions(request, seen, policy))
    return tuple(q for q in asked if q not in seen)


def plan(
    requests: Sequence[PushRequest],
    seen: RemoteState,
    policy: Policy = DEFAULT_POLICY,
    refused_mounts: RefusedMounts = frozenset(),
) -> Plan:
    """Decide what to upload so that every requested tag names its image, and nothing is uploaded twice.

    Pure: equal arguments give an equal plan. `seen`: answers to `questions`; a missing answer is Unknown. Raises
    InvalidInput if two images have one tag. Spec: distribution-spec v1.1.1, "Pushing Manifests", "Mounting a blob from
    another repository".
    """
    _check_conflicts(requests)
    kept: list[Unchanged] = []
    refused: list[Blocked] = []
    puts: list[PutManifest] = []
    children: dict[tuple[Destination, Digest], PutPlatformManifest] = {}
    missing: dict[tuple[Destination, Digest], Descriptor] = {}
    for request in requests:
        image, place = request.manifest.descriptor, request.destination
        lacking = [blob for blob in _unsettled_blobs(request, seen, policy) if not _has_blob(request, blob, seen)]
        absent = [child for child in _unsettled_children(request, seen, policy) if not _has_child(request, child, seen)]
        whole = not (lacking or absent)
        settled = _settled_tags(request, seen) if whole or not policy.verify_blobs else ()
        kept += [Unchanged(request.origin, place, tag, image.digest) for tag in settled]
        changed = tuple(tag for tag in request.tags if tag not in settled)
        others = {tag: _other_image(request, tag, seen) for tag in changed} if request.immutable_tags else {}
        if any(others.values()):
            refused += [Blocked(request.origin, place, tag, image.digest, others[tag]) for tag in changed]
        elif changed:
            puts.append(PutManifest(request.origin, place, changed, image, whole and _is_known(request, seen)))
            for child in absent:
                children.setdefault((place, child.descriptor.digest), PutPlatformManifest(place, child.descriptor))
            for blob in lacking:
                missing.setdefault((place, blob.digest), blob)
    uploads, mounts = _transfers(missing, _holders(requests, seen), refused_mounts)
    return Plan(tuple(kept), tuple(refused), uploads, mounts, tuple(puts), tuple(children.values()))


def _next_questions(request: PushRequest, seen: RemoteState, policy: Policy) -> Iterator[Question]:
    manifest = _manifest_question(request)
    remembered = policy.memory.get(request.destination, {})
    if str(request.manifest.descriptor.digest) in remembered.values() and not request.immutable_tags:
        new = {tag for tag in request.tags if tag not in remembered}
    else:
        new = set()
    if new:
        yield manifest
    if manifest in seen and not isinstance(seen[manifest], Present):
        new = set()
    tags = [_tag_question(request, tag) for tag in request.tags if tag not in new]
    yield from tags
    if not all(question in seen for question in tags) or (new and manifest not in seen):
        return
    changed = [tag for tag in request.tags if not _has_image(request, tag, seen)]
    for tag in changed:
        other = _other_image(request, tag, seen)
        if other:
            yield content_question(request, other)
            yield from (content_question(request, child.digest) for child in compared_children(request, other, seen))
    if changed and len(changed) == len(request.tags):
        yield manifest
        if manifest not in seen:
            return
    children = [_child_question(request, child) for child in _unsettled_children(request, seen, policy)]
    yield from children
    if all(question in seen for question in children):
        for blob in _unsettled_blobs(request, seen, policy):
            yield _blob_question(request, blob)
            elsewhere = holder(policy.history, request.destination, blob)
            if elsewhere and isinstance(seen[_blob_question(request, blob)], Absent):
                yield Question(elsewhere, QuestionKind.BLOB, str(blob.digest), blob.size)


def _unsettled_children(request: PushRequest, seen: RemoteState, policy: Policy) -> tuple[Manifest, ...]:
    """The images of an index that no tag or manifest proves to exist."""
    return () if _is_known(request, seen) and not policy.verify_blobs else request.children


def _unsettled_blobs(request: PushRequest, seen: RemoteState, policy: Policy) -> tuple[Descriptor, ...]:
    """The blobs that no tag or manifest proves to exist, each once."""
    if policy.verify_blobs:
        return request.blobs
    if _is_known(request, seen):
        return ()
    settled = {blob.digest for child in request.children if _has_child(request, child, seen) for blob in child.blobs}
    return tuple(blob for blob in request.blobs if blob.digest not in settled)


def _settled_tags(request: PushRequest, seen: RemoteState) -> tuple[str, ...]:
    return tuple(tag for tag in request.tags if _has_image(request, tag, seen))


def _is_known(request: PushRequest, seen: RemoteState) -> bool:
    """Whether the manifest exists: a tag names it, or its registry has it by digest."""
    return bool(_settled_tags(request, seen)) or isinstance(seen[_manifest_question(request)], Present)


def _has_image(request: PushRequest, tag: str, seen: RemoteState) -> bool:
    return seen.digest(_tag_question(request, tag)) == request.manifest.descriptor.digest


def _other_image(request: PushRequest, tag: str, seen: RemoteState) -> Digest | None:
    found = seen.digest(_tag_question(request, tag))
    return None if found == request.manifest.descriptor.digest else found


def _has_child(request: PushRequest, child: Manifest, seen: RemoteState) -> bool:
    return isinstance(seen[_child_question(request, child)], Present)


def _has_blob(request: PushRequest, blob: Descriptor, seen: RemoteState) -> bool:
    return isinstance(seen[_blob_question(request, blob)], Present)


def _holders(requests: Sequence[PushRequest], seen: RemoteState) -> Mapping[tuple[str, Digest], Destination]:
    """For each registry and blob, the first repository that probably has it; the mount finds out."""
    history: dict[tuple[str, Digest], Destination] = {}
    for question, answer in seen.answers.items():
        registry = question.destination.registry
        if registry and isinstance(answer, Content):
            for blob in answer.layers:
                history.setdefault((registry, blob.digest), question.destination)
        elif registry and isinstance(answer, Present) and question.kind is QuestionKind.BLOB:
            history.setdefault((registry, answer.digest), question.destination)
    for request in requests:
        registry = request.destination.registry
        if registry:
            known = _is_known(request, seen)
            for image in request.images:
                if known or (request.children and _has_child(request, image, seen)):
                    for blob in image.blobs:
                        history.setdefault((registry, blob.digest), request.destination)
    for request in requests:
        for base, blob in request.base_blobs():
            if base.registry:
                history.setdefault((base.registry, blob.digest), base)
    return history


def _transfers(
    missing: Mapping[tuple[Destination, Digest], Descriptor],
    history: Mapping[tuple[str, Digest], Destination],
    refused: RefusedMounts,
) -> tuple[tuple[Upload, ...], tuple[Mount, ...]]:
    """Upload or mount each missing blob. Large uploads come first, because they take longest."""
    sources = dict(history)
    uploads, mounts = [], []
    for (place, digest), blob in missing.items():
        key = (place.registry or "", digest)
        source = sources.get(key)
        if place.registry is None or (place, digest) in refused or source in (None, place):
            uploads.append(Upload(place, blob))
            sources[key] = place
        elif source:
            mounts.append(Mount(place, blob, source))
    return tuple(sorted(uploads, key=lambda step: -step.blob.size)), tuple(mounts)


def _tag_question(request: PushRequest, tag: str) -> Question:
    return Question(request.destination, QuestionKind.TAG, tag)


def _manifest_question(request: PushRequest) -> Question:
    return Question(request.destination, QuestionKind.MANIFEST, str(request.manifest.descriptor.digest))


def _child_question(request: PushRequest, child: Manifest) -> Question:
    return Question(request.destination, QuestionKind.MANIFEST, str(child.descriptor.digest))


def _blob_question(request: PushRequest, blob: Descriptor) -> Question:
    return Question(request.destination, QuestionKind.BLOB, str(blob.digest), blob.size)


def _check_conflicts(requests: Sequence[PushRequest]) -> None:
    owners: dict[str, PushRequest] = {}
    for request in requests:
        for tag in request.tags:
            reference = request.destination.reference(tag)
            other = owners.setdefault(reference, request)
            if other.manifest.data != request.manifest.data:
                raise InvalidInput(
                    f"{request.origin}: {reference} is requested for two images, also by {other.origin}. "
                    "Give one of them another repository or tag."
                )

"""Decide what to send, as data.

The obvious way, pushing every image and letting the client find out what is there, costs several requests for each
blob of each image although most runs change nothing, and sends what images share once for each of them. So a run goes
in phases, for all of its images together:

1. `questions`: what is worth asking, given the answers so far. Tags first: a tag that has the wanted digest settles
   its reference with one request. Only where one differs: is the manifest there under its digest? Only where it is
   not: which of its blobs are? (Of an index: which of its images, and then of the others which blobs?) For a new tag
   on content that this machine published before, the manifest comes first: that settles it with one request too.
2. A survey asks, until there are no more questions.
3. `plan`: the steps that are left. A blob that another repository of the registry has is mounted from there; of those
   that nobody has, the first repository is sent it and the others mount it.
4. The steps are carried out in an order that is safe to stop after any of them: blobs, images of indexes, manifests
   with tags. Who carries them out decides nothing; where a registry would not mount, it is told, and there is one more
   plan.

Invariants: no blob is sent twice to one registry that mounts; a tag moves only after everything it needs; what a
registry would not tell (Unknown) counts as missing, never as there; what this machine remembers only changes the order
of questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import InvalidInput
from ocikit.manifest import Manifest
from ocikit.push.changes import compared_children, content_question
from ocikit.push.holders import Holders, holder
from ocikit.push.remote_state import Absent, Content, Kind, Memory, Present, Question, RemoteState
from ocikit.push.steps import Keep, Mount, Plan, Put, PutChild, Refuse, Upload
from ocikit.push.wanted import Destination, PushRequest


@dataclass(frozen=True)
class Policy:
    """`verify_blobs`: a tag with the right digest is not enough, every blob must be there.

    `memory`, `holders`: what this machine remembers.
    """

    verify_blobs: bool = False
    memory: Memory = field(default_factory=lambda: MappingProxyType({}))
    holders: Holders = field(default_factory=lambda: MappingProxyType({}))


DEFAULT_POLICY = Policy()
# Who would not mount what.
RefusedMounts = frozenset[tuple[Destination, Digest]]


def questions(
    wanted: Sequence[PushRequest], seen: RemoteState, policy: Policy = DEFAULT_POLICY
) -> tuple[Question, ...]:
    """What is worth asking next; nothing when `seen` is all that `plan` can use. Pure."""
    asked = dict.fromkeys(q for request in wanted for q in _next_questions(request, seen, policy))
    return tuple(q for q in asked if q not in seen)


def plan(
    wanted: Sequence[PushRequest],
    seen: RemoteState,
    policy: Policy = DEFAULT_POLICY,
    refused_mounts: RefusedMounts = frozenset(),
) -> Plan:
    """Decide what to send so that every wanted tag names its image, and nothing is sent twice.

    Pure: equal arguments give an equal plan. `seen`: answers to `questions`; a missing answer is Unknown. Raises
    InvalidInput if two images want one tag. Spec: distribution-spec v1.1.1, "Pushing Manifests", "Mounting a blob from
    another repository".
    """
    _refuse_conflicts(wanted)
    kept: list[Keep] = []
    refused: list[Refuse] = []
    puts: list[Put] = []
    children: dict[tuple[Destination, Digest], PutChild] = {}
    missing: dict[tuple[Destination, Digest], Descriptor] = {}
    for request in wanted:
        image, place = request.manifest.descriptor, request.destination
        lacking = [blob for blob in _unsettled_blobs(request, seen, policy) if not _has_blob(request, blob, seen)]
        absent = [child for child in _unsettled_children(request, seen, policy) if not _has_child(request, child, seen)]
        whole = not (lacking or absent)
        settled = _settled_tags(request, seen) if whole or not policy.verify_blobs else ()
        kept += [Keep(request.origin, place, tag, image.digest) for tag in settled]
        changed = tuple(tag for tag in request.tags if tag not in settled)
        others = {tag: _other_image(request, tag, seen) for tag in changed} if request.immutable_tags else {}
        if any(others.values()):
            refused += [Refuse(request.origin, place, tag, image.digest, others[tag]) for tag in changed]
        elif changed:
            puts.append(Put(request.origin, place, changed, image, whole and _is_known(request, seen)))
            for child in absent:
                children.setdefault((place, child.descriptor.digest), PutChild(place, child.descriptor))
            for blob in lacking:
                missing.setdefault((place, blob.digest), blob)
    uploads, mounts = _transfers(missing, _holders(wanted, seen), refused_mounts)
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
            elsewhere = holder(policy.holders, request.destination, blob)
            if elsewhere and isinstance(seen[_blob_question(request, blob)], Absent):
                yield Question(elsewhere, Kind.BLOB, str(blob.digest), blob.size)


def _unsettled_children(request: PushRequest, seen: RemoteState, policy: Policy) -> tuple[Manifest, ...]:
    """The images of an index of which no tag or manifest says that they are there."""
    return () if _is_known(request, seen) and not policy.verify_blobs else request.children


def _unsettled_blobs(request: PushRequest, seen: RemoteState, policy: Policy) -> tuple[Descriptor, ...]:
    """The blobs of which no tag or manifest says that they are there, each once."""
    if policy.verify_blobs:
        return request.blobs
    if _is_known(request, seen):
        return ()
    settled = {blob.digest for child in request.children if _has_child(request, child, seen) for blob in child.blobs}
    return tuple(blob for blob in request.blobs if blob.digest not in settled)


def _settled_tags(request: PushRequest, seen: RemoteState) -> tuple[str, ...]:
    return tuple(tag for tag in request.tags if _has_image(request, tag, seen))


def _is_known(request: PushRequest, seen: RemoteState) -> bool:
    """Whether the manifest is there: a tag names it, or it was asked for."""
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


def _holders(wanted: Sequence[PushRequest], seen: RemoteState) -> Mapping[tuple[str, Digest], Destination]:
    """For each registry and blob the first repository that has it; a mount finds out whether that is so."""
    holders: dict[tuple[str, Digest], Destination] = {}
    for question, answer in seen.answers.items():
        registry = question.destination.registry
        if registry and isinstance(answer, Content):
            for blob in answer.layers:
                holders.setdefault((registry, blob.digest), question.destination)
        elif registry and isinstance(answer, Present) and question.kind is Kind.BLOB:
            holders.setdefault((registry, answer.digest), question.destination)
    for request in wanted:
        registry = request.destination.registry
        if registry:
            known = _is_known(request, seen)
            for image in request.images:
                if known or (request.children and _has_child(request, image, seen)):
                    for blob in image.blobs:
                        holders.setdefault((registry, blob.digest), request.destination)
    for request in wanted:
        for base, blob in request.base_blobs():
            if base.registry:
                holders.setdefault((base.registry, blob.digest), base)
    return holders


def _transfers(
    missing: Mapping[tuple[Destination, Digest], Descriptor],
    holders: Mapping[tuple[str, Digest], Destination],
    refused: RefusedMounts,
) -> tuple[tuple[Upload, ...], tuple[Mount, ...]]:
    """How each missing blob gets where it is missing. Large uploads come first: they take longest."""
    sources = dict(holders)
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
    return Question(request.destination, Kind.TAG, tag)


def _manifest_question(request: PushRequest) -> Question:
    return Question(request.destination, Kind.MANIFEST, str(request.manifest.descriptor.digest))


def _child_question(request: PushRequest, child: Manifest) -> Question:
    return Question(request.destination, Kind.MANIFEST, str(child.descriptor.digest))


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

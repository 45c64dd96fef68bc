"""Publishing an index: questions, plan and report of its images, and the requests to a registry."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.publish.execute import execute_plan
from ocikit.publish.outcome import Outcomes
from ocikit.publish.plan import DEFAULT_POLICY, Policy, plan, questions
from ocikit.publish.remote_state import (
    Absent,
    Answer,
    Content,
    IndexContent,
    Present,
    Question,
    QuestionKind,
    RemoteState,
    Unknown,
)
from ocikit.publish.report import Row, dry_run_outcomes, line, rows
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan
from ocikit.publish.stores import Stores
from ocikit.publish.survey import survey
from ocikit.registry.client import RegistryClient
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.layout import Layout
from ocikit.store.store import Opener
from ocikit.testing.examples import examples
from ocikit.testing.fake_faults import Break, Disturbance, Faults, Refusal
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import described, index_of, manifest_of

WEB = Destination("registry.example/web")
SHOP = Destination("registry.example/shop")

AMD, ARM = manifest_of("base", "amd"), manifest_of("base", "arm")
NEWER = manifest_of("base", "newer")
# Every text that is a blob of one of them.
TEXTS = ("base", "amd", "arm", "newer", "config of base amd", "config of base arm", "config of base newer")
BLOBS = {Digest.of(text.encode()): text.encode() for text in TEXTS}


def push(amd: Manifest = AMD, arm: Manifest = ARM, destination: Destination = WEB) -> PushRequest:
    origins = ("//:base", "web:amd", "//:base", "web:arm")
    images = {"linux/amd64": amd, "linux/arm64": arm}
    return PushRequest("web:push", destination, ("latest",), index_of(images), origins, children=tuple(images.values()))


INDEX = push()


def tag(request: PushRequest | None) -> dict[Question, Answer]:
    answer = Present(request.manifest.descriptor.digest) if request else Absent()
    return {Question(WEB, QuestionKind.TAG, "latest"): answer}


def known(manifest: object, answer: type = Present) -> dict[Question, Answer]:
    digest = manifest.descriptor.digest  # type: ignore[attr-defined]
    return {Question(WEB, QuestionKind.MANIFEST, str(digest)): Present(digest) if answer is Present else answer()}


def has(*texts: str, answer: type = Present) -> dict[Question, Answer]:
    blobs = [described(text) for text in texts]
    return {
        Question(WEB, QuestionKind.BLOB, str(b.digest), b.size): Present(b.digest) if answer is Present else answer()
        for b in blobs
    }


def content(manifest: Manifest) -> dict[Question, Answer]:
    question = Question(WEB, QuestionKind.CONTENT, str(manifest.descriptor.digest))
    return {question: Content(manifest.config.digest, manifest.layers)}


def listed(request: PushRequest) -> dict[Question, Answer]:
    """The answer of a tag that names the index of `request`, and what that index lists."""
    digest = request.manifest.descriptor.digest
    manifests = getattr(request.manifest, "manifests", ())
    return {**tag(request), Question(WEB, QuestionKind.CONTENT, str(digest)): IndexContent(manifests)}


BLOBS_OF_AMD = ("base", "amd", "config of base amd")
BLOBS_OF_ARM = ("base", "arm", "config of base arm")
NEW: dict[Question, Answer] = {**tag(None), **known(INDEX.manifest, Absent)}
NO_CHILD: dict[Question, Answer] = {**known(AMD, Absent), **known(ARM, Absent)}


@pytest.mark.parametrize(
    "answers, asked",
    [
        pytest.param({}, tag(INDEX), id="its-tag-first"),
        pytest.param(tag(INDEX), {}, id="unchanged-is-one-question"),
        pytest.param(tag(None), known(INDEX.manifest), id="then-the-index"),
        pytest.param({**tag(None), **known(INDEX.manifest)}, {}, id="the-index-is-there"),
        pytest.param(NEW, {**known(AMD), **known(ARM)}, id="then-its-images"),
        pytest.param(
            {**NEW, **known(AMD), **known(ARM, Absent)}, has("arm", "config of base arm"), id="blobs-of-missing-images"
        ),
        pytest.param(
            {**NEW, **NO_CHILD}, has(*dict.fromkeys((*BLOBS_OF_AMD, *BLOBS_OF_ARM))), id="each-blob-is-asked-for-once"
        ),
        pytest.param({**NEW, **known(AMD), **known(ARM)}, {}, id="all-images-are-there"),
        pytest.param(
            {**listed(push(arm=NEWER)), **known(INDEX.manifest)},
            content(NEWER),
            id="what-is-compared-is-asked-for-unless-it-is-ours",
        ),
    ],
)
def test_questions(answers: dict[Question, Answer], asked: Mapping[Question, Answer]) -> None:
    assert set(questions([INDEX], RemoteState(answers))) == set(asked)


def test_with_every_blob_verified_images_and_blobs_are_asked_for() -> None:
    policy = Policy(verify_blobs=True)
    assert set(questions([INDEX], RemoteState(tag(INDEX)), policy)) == {*known(AMD), *known(ARM)}
    answers = {**tag(INDEX), **known(AMD), **known(ARM)}
    blobs = has(*dict.fromkeys((*BLOBS_OF_AMD, *BLOBS_OF_ARM)))
    assert set(questions([INDEX], RemoteState(answers), policy)) == set(blobs)
    whole = plan([INDEX], RemoteState({**answers, **blobs}), policy)
    assert (len(whole.kept), whole.puts, whole.children) == (1, (), ())

    lost_image = plan([INDEX], RemoteState({**answers, **blobs, **known(ARM, Absent)}), policy)
    assert [step.manifest for step in lost_image.children] == [ARM.descriptor]
    assert [(step.tags, step.known) for step in lost_image.puts] == [(("latest",), False)]
    lost_blob = plan([INDEX], RemoteState({**answers, **blobs, **has("arm", answer=Absent)}), policy)
    assert [step.blob for step in lost_blob.uploads] == [described("arm")]
    assert (lost_blob.children, len(lost_blob.puts)) == ((), 1)


@pytest.mark.parametrize(
    "answers, uploads, children, is_known",
    [
        pytest.param({}, {*BLOBS_OF_AMD, *BLOBS_OF_ARM}, [AMD, ARM], False, id="nothing-is-known"),
        pytest.param(
            {**NEW, **known(AMD), **known(ARM, Absent)}, {"arm", "config of base arm"}, [ARM], False, id="one-changed"
        ),
        pytest.param(
            {**NEW, **known(AMD, lambda: Unknown("?")), **known(ARM)},  # type: ignore[arg-type]
            {"amd", "config of base amd"},
            [AMD],
            False,
            id="unknown-is-missing",
        ),
        pytest.param({**NEW, **known(AMD), **known(ARM)}, set(), [], False, id="only-the-index-is-new"),
        pytest.param({**tag(None), **known(INDEX.manifest)}, set(), [], True, id="only-the-tag-is-new"),
    ],
)
def test_plan(answers: dict[Question, Answer], uploads: set[str], children: list[Manifest], is_known: bool) -> None:
    steps = plan([INDEX], RemoteState(answers))
    assert {step.blob.digest for step in steps.uploads} == {Digest.of(text.encode()) for text in uploads}
    assert [step.manifest for step in steps.children] == [child.descriptor for child in children]
    assert [(step.manifest, step.tags, step.known) for step in steps.puts] == [
        (INDEX.manifest.descriptor, ("latest",), is_known)
    ]
    read = Plan.from_json(steps.to_json())
    assert (read.uploads, read.children, read.puts) == (steps.uploads, steps.children, steps.puts)


def test_an_immutable_tag_that_names_another_index_keeps_its_images() -> None:
    request = replace(INDEX, immutable_tags=True)
    steps = plan([request], RemoteState(tag(push(arm=NEWER))))
    assert (len(steps.refused), steps.uploads, steps.children, steps.puts) == (1, (), (), ())


def test_two_indexes_with_one_image_in_one_repository_store_it_once() -> None:
    other = replace(push(arm=NEWER), tags=("next",))
    steps = plan([INDEX, other], RemoteState())
    assert [step.manifest for step in steps.children] == [image.descriptor for image in (AMD, ARM, NEWER)]


def test_layers_of_bases_are_mounted_for_each_image() -> None:
    bases = Destination("registry.example/bases")
    request = replace(INDEX, child_bases=(((bases,), 1), ((), 0)))
    steps = plan([request], RemoteState())
    assert [(step.blob, step.source) for step in steps.mounts] == [(described("base"), bases)]
    assert {step.blob.digest for step in steps.uploads} == set(BLOBS) & {
        Digest.of(text.encode()) for text in ("amd", "arm", "config of base amd", "config of base arm")
    }


def test_a_request_and_answers_cross_into_a_sandbox_and_out_of_it() -> None:
    read = PushRequest.from_json(INDEX.to_json())
    assert (read.manifest, read.children, read.blobs) == (INDEX.manifest, INDEX.children, INDEX.blobs)
    answers = listed(INDEX)
    assert RemoteState.from_json(RemoteState(answers).to_json()).answers == answers


def reported(before: dict[Question, Answer], request: PushRequest) -> Row:
    steps = plan([request], RemoteState(before))
    (row,) = rows([request], RemoteState(before), steps, dry_run_outcomes(steps), {})
    return row


def changed(row: Row) -> tuple[bool, set[tuple[str, tuple[str, ...]]], set[tuple[str, tuple[str, ...]]]]:
    """Whether the configuration differs, and layers (what they are from; their text when they are gone)."""
    texts = {str(digest): text.decode() for digest, text in BLOBS.items()}
    return (
        row.changes.config,
        {(layer.origin, layer.platforms) for layer in row.changes.added},
        {(texts[layer.digest], layer.platforms) for layer in row.changes.removed},
    )


def test_changes_are_reported_for_each_platform() -> None:
    row = reported({**listed(push(arm=NEWER)), **content(NEWER)}, INDEX)
    assert changed(row) == (True, {("web:arm", ("linux/arm64",))}, {("newer", ("linux/arm64",))})
    assert "changed layer web:arm of linux/arm64 (3 B)" in line(row)

    new = reported(tag(None), INDEX)
    assert changed(new)[1] == {
        ("//:base", ("linux/amd64", "linux/arm64")), ("web:amd", ("linux/amd64",)), ("web:arm", ("linux/arm64",)),
    }  # fmt: skip
    assert new.bytes_sent == sum(blob.size for blob in INDEX.blobs)

    # A layer of one platform that another one gets is new there.
    swapped = reported(listed(push(amd=ARM, arm=AMD)), INDEX)
    assert changed(swapped)[1] == {("web:amd", ("linux/amd64",)), ("web:arm", ("linux/arm64",))}
    assert swapped.changes.config is False


def test_an_index_replaces_an_image_and_an_image_an_index() -> None:
    single = PushRequest("web:push", WEB, ("latest",), AMD, ("//:base", "web:amd"))
    row = reported({**tag(single), **content(AMD)}, INDEX)
    assert changed(row) == (True, {("web:arm", ("linux/arm64",))}, set())
    row = reported({**listed(INDEX), **content(ARM)}, single)
    assert changed(row) == (True, set(), {("arm", ("linux/arm64",))})


def test_what_cannot_be_compared_is_not_reported() -> None:
    row = reported(listed(push(arm=NEWER)), INDEX)
    assert row.changes.previous == str(push(arm=NEWER).manifest.descriptor.digest)
    assert changed(row) == (False, set(), set())


@dataclass(frozen=True)
class Published:
    outcomes: Outcomes
    rows: tuple[Row, ...]


class Publisher:
    """Asks, plans and uploads as a run does."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        self._folder = os.fspath(folder)

    def at(self, name: str) -> Destination:
        return Destination(f"{self.registry.address}/{name}")

    def __call__(self, *requests: PushRequest, policy: Policy = DEFAULT_POLICY) -> Published:
        self.registry.requests.clear()
        make_client = partial(RegistryClient, sleep=lambda seconds: None)
        stores = Stores(self._folder, {"DOCKER_CONFIG": self._folder}, {}, make_client=make_client)
        seen = survey(requests, stores, policy)
        steps = plan(requests, seen, policy)
        manifests = {m.descriptor.digest: m for request in requests for m in (request.manifest, *request.children)}
        outcomes = execute_plan(steps, manifests, stores, _opener) if steps.puts else Outcomes()
        return Published(outcomes, rows(requests, seen, steps, outcomes, {}))

    def writes(self) -> list[str]:
        return [f"{r.method} {r.path}" for r in self.registry.requests if r.method not in ("GET", "HEAD")]


def _opener(digest: Digest) -> Opener | None:
    return partial(_opened, BLOBS[digest])


def _opened(data: bytes) -> AbstractContextManager[BinaryIO]:
    return BytesIO(data)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with FakeRegistry() as registry:
        yield Publisher(registry, tmp_path)


def test_images_are_stored_by_digest_before_the_index_and_asked_for_once(publisher: Publisher) -> None:
    request = push(destination=publisher.at("web"))
    publisher(request)
    *children, index = [line for line in publisher.writes() if "/manifests/" in line]
    assert set(children) == {f"PUT /v2/web/manifests/{child.descriptor.digest}" for child in request.children}
    assert index == "PUT /v2/web/manifests/latest"
    assert publisher.registry.repositories["web"].tags == {"latest": str(request.manifest.descriptor.digest)}
    assert publisher.registry.incomplete() == {}
    again = publisher(request)
    assert [r.method for r in publisher.registry.requests] == ["HEAD"]
    assert [row.outcome for row in again.rows] == ["unchanged"]


def test_only_the_changed_platform_is_uploaded(publisher: Publisher) -> None:
    publisher(push(destination=publisher.at("web")))
    (row,) = publisher(push(arm=NEWER, destination=publisher.at("web"))).rows
    sent = [line for line in publisher.writes() if line.startswith("PUT")]
    assert sum("/manifests/" in line for line in sent) == 2
    assert {line.partition("digest=")[2].replace("%3A", ":") for line in sent if "/blobs/" in line} == {
        str(Digest.of(text)) for text in (b"newer", b"config of base newer")
    }
    assert changed(row)[2] == {("arm", ("linux/arm64",))}
    # The image that left the index was asked for, the other was known.
    assert publisher.registry.count("GET /v2/web/manifests/") == 2


def test_what_an_index_and_an_image_share_is_sent_once(publisher: Publisher) -> None:
    single = PushRequest("shop:push", publisher.at("shop"), ("latest",), AMD)
    publisher(push(destination=publisher.at("web")), single)
    assert publisher.registry.count("PUT .*/blobs/uploads") == len(INDEX.blobs)
    assert publisher.registry.count("POST .*mount=") == len(AMD.blobs)
    assert publisher.registry.incomplete() == {}


def test_an_image_that_is_refused_keeps_the_tag_where_it_is(publisher: Publisher) -> None:
    publisher(push(destination=publisher.at("web")))
    before = dict(publisher.registry.repositories["web"].tags)
    publisher.registry.faults = Faults(refusals=(Refusal(f"PUT .*/manifests/{NEWER.descriptor.digest}", 403),))
    other = PushRequest("shop:push", publisher.at("shop"), ("latest",), AMD)
    index, shop = publisher(push(arm=NEWER, destination=publisher.at("web")), other).rows
    assert (index.outcome, shop.outcome) == ("failed", "pushed")
    assert "the image for linux/arm64 (sha256:" in str(index.error)
    assert publisher.registry.repositories["web"].tags == before


@pytest.mark.parametrize("times", [1, None])
def test_an_image_whose_answer_is_lost_is_stored(publisher: Publisher, times: int | None) -> None:
    lost = Disturbance(f"PUT .*/manifests/{ARM.descriptor.digest}", Break.LOST, times=times)
    publisher.registry.faults = Faults(disturbances=(lost,))
    (row,) = publisher(push(destination=publisher.at("web"))).rows
    assert (row.outcome, row.error) == ("pushed", None)
    assert publisher.registry.counter.fired(lost) >= 1
    assert publisher.registry.incomplete() == {}


def test_a_directory_of_layouts_lists_the_index_alone(publisher: Publisher, tmp_path: Path) -> None:
    request = push(destination=Destination("oci:layouts/web"))
    (row,) = publisher(request).rows
    layout = Layout(tmp_path / "layouts/web")
    assert row.outcome == "pushed"
    assert [entry.digest for entry in layout.entries()] == [request.manifest.descriptor.digest]
    assert publisher(request).rows[0].outcome == "unchanged"
    publisher(push(arm=NEWER, destination=request.destination))
    # The one that the tag named before stays, and its images are reached through it.
    assert len(layout.entries()) == 2
    assert layout.fetch_manifest(str(ARM.descriptor.digest)) == ARM


MANIFESTS = (AMD, ARM, NEWER)


@examples(60)
@given(
    blobs=st.sets(st.sampled_from(TEXTS)),
    stored=st.sets(st.integers(0, 2)),
    tagged=st.sampled_from([None, AMD, INDEX.manifest, push(arm=NEWER).manifest]),
    verify=st.booleans(),
)
def test_a_tag_is_complete_after_a_run_from_any_state(
    tmp_path_factory: pytest.TempPathFactory,
    blobs: set[str],
    stored: set[int],
    tagged: Manifest | ImageIndex | None,
    verify: bool,
) -> None:
    """`stored` are manifests; what such a manifest needs is there too, unless every blob is verified."""
    folder = tmp_path_factory.mktemp("run")
    with FakeRegistry() as registry:
        repository = registry.repositories["web"]
        images = [MANIFESTS[number] for number in sorted(stored)]
        if tagged is not None:
            registry.put_manifest("web", tagged, "latest")
            images += [tagged] if isinstance(tagged, Manifest) else MANIFESTS
        for image in images:
            registry.put_manifest("web", image)
        needed = {BLOBS[b.digest].decode() for image in images for b in image.blobs}
        for text in blobs if verify else blobs | needed:
            registry.put_blob("web", text.encode())
        there = set(repository.blobs)
        publisher = Publisher(registry, folder)
        request = push(destination=publisher.at("web"))
        (row,) = publisher(request, policy=Policy(verify_blobs=verify)).rows
        assert row.error is None
        assert repository.tags["latest"] == str(request.manifest.descriptor.digest)
        assert registry.incomplete() == {}
        sent = [line.partition("digest=")[2].replace("%3A", ":") for line in publisher.writes() if "/blobs/" in line]
        sent = [digest for digest in sent if digest]
        assert sorted(sent) == sorted(set(sent) - there)

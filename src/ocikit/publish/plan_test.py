from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ocikit.errors import InvalidInput
from ocikit.publish.plan import Policy, plan, questions
from ocikit.publish.remote_state import Absent, Answer, Content, Present, Question, QuestionKind, RemoteState, Unknown
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.manifest import Manifest
from ocikit.testing.images import described, manifest_of

HERE = Destination("registry.example/web")
THERE = Destination("oci:dist/web")

IMAGE = manifest_of("base", "app")
OTHER = manifest_of("base", "other")


def push(
    manifest: Manifest = IMAGE, *tags: str, destination: Destination = HERE, origin: str = "web:push"
) -> PushRequest:
    return PushRequest(origin, destination, tags or ("latest",), manifest)


def tag(name: str, destination: Destination = HERE) -> Question:
    return Question(destination, QuestionKind.TAG, name)


def known(manifest: Manifest, destination: Destination = HERE) -> Question:
    return Question(destination, QuestionKind.MANIFEST, str(manifest.descriptor.digest))


def has(item: Descriptor, destination: Destination = HERE) -> Question:
    return Question(destination, QuestionKind.BLOB, str(item.digest), item.size)


def content(manifest: Manifest) -> Question:
    return Question(HERE, QuestionKind.CONTENT, str(manifest.descriptor.digest))


def there(manifest: Manifest) -> Present:
    return Present(manifest.descriptor.digest)


def summary(steps: Plan) -> tuple[int, tuple[int, ...], tuple[tuple[str, bool], ...]]:
    """Kept tags; sizes of the blobs to send, sorted; tags to move, and whether their manifest is known."""
    return (
        len(steps.kept),
        tuple(sorted(step.blob.size for step in steps.uploads)),
        tuple((tag, step.known) for step in steps.puts for tag in step.tags),
    )


ABSENT_BLOBS: dict[Question, Answer] = {has(item): Absent() for item in IMAGE.blobs}
BASE, APP, CONFIG = (len("base"), len("app"), len("config of base app"))


@pytest.mark.parametrize(
    "request_, answers, expected",
    [
        pytest.param(push(), {tag("latest"): there(IMAGE)}, (1, (), ()), id="unchanged"),
        pytest.param(
            push(),
            {tag("latest"): Absent(), known(IMAGE): Absent()},
            (0, (APP, BASE, CONFIG), (("latest", False),)),
            id="new",
        ),
        pytest.param(
            push(),
            {
                tag("latest"): there(OTHER),
                known(IMAGE): Absent(),
                has(described("base")): Present(described("base").digest),
                has(described("app")): Absent(),
            },
            (0, (APP, CONFIG), (("latest", False),)),
            id="one-layer-changed",
        ),
        pytest.param(
            push(IMAGE, "latest", "1.0"),
            {tag("latest"): there(IMAGE), tag("1.0"): Absent(), known(IMAGE): there(IMAGE)},
            (1, (), (("1.0", True),)),
            id="new-tag-on-known-content",
        ),
        pytest.param(
            push(),
            {tag("latest"): Unknown("403"), known(IMAGE): Unknown("403")},
            (0, (APP, BASE, CONFIG), (("latest", False),)),
            id="unknown-is-changed",
        ),
        pytest.param(
            push(manifest_of("base", "base")),
            {},
            (0, (BASE, len("config of base base")), (("latest", False),)),
            id="a-blob-twice-in-one-image-is-sent-once",
        ),
    ],
)
def test_plan(
    request_: PushRequest,
    answers: Mapping[Question, Answer],
    expected: tuple[int, tuple[int, ...], tuple[tuple[str, bool], ...]],
) -> None:
    assert summary(plan([request_], RemoteState(answers))) == expected


def test_images_that_share_a_layer_send_it_once_to_each_destination() -> None:
    requests = [push(), push(OTHER, "other"), push(destination=THERE)]
    steps = plan(requests, RemoteState())
    sent = [(step.destination, step.blob.digest) for step in steps.uploads]
    assert len(sent) == len(set(sent)) == 5 + 3
    assert steps.mounts == ()
    assert steps.bytes_to_send == sum(step.blob.size for step in steps.uploads)


SIBLING = Destination("registry.example/shop")
BASES = Destination("registry.example/base")
ELSEWHERE = Destination("other.example/shop")


@pytest.mark.parametrize(
    "requests, answers, mounts, uploads",
    [
        pytest.param(
            [push(), push(OTHER, destination=SIBLING)],
            {},
            {("shop", "base", "web")},
            {("web", "base"), ("web", "app"), ("shop", "other")},
            id="the-first-repository-is-filled",
        ),
        pytest.param(
            [push(destination=SIBLING), push(destination=ELSEWHERE)],
            {},
            set(),
            {("shop", "base"), ("shop", "app")},
            id="not-from-another-registry",
        ),
        pytest.param(
            [push(), push(OTHER, destination=SIBLING)],
            {tag("latest"): there(IMAGE)},
            {("shop", "base", "web")},
            {("shop", "other")},
            id="from-an-image-that-is-unchanged",
        ),
        pytest.param(
            [push(OTHER, destination=SIBLING), push()],
            {has(described("base")): Present(described("base").digest)},
            {("shop", "base", "web")},
            {("shop", "other"), ("web", "app")},
            id="from-a-repository-that-has-it",
        ),
        pytest.param(
            [push()],
            {
                tag("latest"): there(OTHER),
                Question(SIBLING, QuestionKind.CONTENT, "sha256:old"): Content(OTHER.config.digest, OTHER.layers),
            },
            {("web", "base", "shop")},
            {("web", "app")},
            id="from-what-a-tag-named-before",
        ),
        pytest.param(
            [replace(push(), bases=(BASES,), base_layers=1)],
            {},
            {("web", "base", "base")},
            {("web", "app")},
            id="from-the-base",
        ),
        pytest.param(
            [replace(push(destination=ELSEWHERE), bases=(BASES,), base_layers=1)],
            {},
            set(),
            {("shop", "base"), ("shop", "app")},
            id="not-from-a-base-in-another-registry",
        ),
    ],
)
def test_mounts(
    requests: list[PushRequest],
    answers: Mapping[Question, Answer],
    mounts: set[tuple[str, str, str]],
    uploads: set[tuple[str, str]],
) -> None:
    names = {described(name).digest: name for name in ("base", "app", "other")}
    steps = plan(requests, RemoteState(answers))
    assert {(m.destination.path, names[m.blob.digest], m.source.path) for m in steps.mounts} == mounts
    sent = {(u.destination.path, names[u.blob.digest]) for u in steps.uploads if u.blob.digest in names}
    assert uploads <= sent
    places = [(u.destination, u.blob.digest) for u in steps.uploads] + [
        (m.destination, m.blob.digest) for m in steps.mounts
    ]
    assert len(places) == len(set(places))


def test_what_was_not_mounted_is_sent() -> None:
    requests = [push(), push(OTHER, destination=SIBLING)]
    base = described("base").digest
    steps = plan(requests, RemoteState({tag("latest"): there(IMAGE)}), refused_mounts=frozenset({(SIBLING, base)}))
    assert steps.mounts == ()
    assert (SIBLING, base) in {(step.destination, step.blob.digest) for step in steps.uploads}


@pytest.mark.parametrize(
    "there_now, kept, refused, put",
    [
        pytest.param(there(IMAGE), 1, 0, 0, id="the-same-image-again"),
        pytest.param(Absent(), 0, 0, 1, id="a-new-tag"),
        pytest.param(there(OTHER), 0, 1, 0, id="another-image"),
    ],
)
def test_immutable_tags(there_now: Answer, kept: int, refused: int, put: int) -> None:
    steps = plan([replace(push(), immutable_tags=True)], RemoteState({tag("latest"): there_now}))
    assert (len(steps.kept), len(steps.refused), len(steps.puts)) == (kept, refused, put)
    assert put or not (steps.uploads or steps.mounts)


def test_with_every_blob_verified_what_is_lost_is_sent_again() -> None:
    answers: dict[Question, Answer] = {
        tag("latest"): there(IMAGE),
        **{has(item): Present(item.digest) for item in IMAGE.blobs},
    }
    whole = plan([push()], RemoteState(answers), Policy(verify_blobs=True))
    assert summary(whole) == (1, (), ())
    answers[has(described("app"))] = Absent()
    damaged = plan([push()], RemoteState(answers), Policy(verify_blobs=True))
    assert summary(damaged) == (0, (APP,), (("latest", False),))


@pytest.mark.parametrize(
    "answers, asked",
    [
        pytest.param({}, [tag("latest"), tag("1.0")], id="tags-first"),
        pytest.param({tag("latest"): there(IMAGE), tag("1.0"): Absent()}, [], id="a-tag-proves-the-manifest"),
        pytest.param({tag("latest"): there(IMAGE)}, [tag("1.0")], id="the-other-tag"),
        pytest.param({tag("latest"): there(IMAGE), tag("1.0"): there(IMAGE)}, [], id="all-unchanged"),
        pytest.param(
            {tag("latest"): there(OTHER), tag("1.0"): Absent()}, [content(OTHER), known(IMAGE)], id="manifest"
        ),
        pytest.param(
            {tag("latest"): Absent(), tag("1.0"): Absent(), known(IMAGE): there(IMAGE)},
            [],
            id="manifest-is-there",
        ),
        pytest.param(
            {tag("latest"): Absent(), tag("1.0"): Absent(), known(IMAGE): Absent()},
            [has(item) for item in IMAGE.blobs],
            id="blobs",
        ),
        pytest.param(
            {
                tag("latest"): Absent(),
                tag("1.0"): Absent(),
                known(IMAGE): Absent(),
                **ABSENT_BLOBS,
            },
            [],
            id="no-more",
        ),
    ],
)
def test_questions(answers: dict[Question, Answer], asked: list[Question]) -> None:
    assert list(questions([push(IMAGE, "latest", "1.0")], RemoteState(answers))) == asked


@pytest.mark.parametrize(
    "memory, answers, asked",
    [
        pytest.param({"0.9": IMAGE}, {}, [known(IMAGE)], id="known-content-under-a-new-tag"),
        pytest.param({"0.9": IMAGE}, {known(IMAGE): there(IMAGE)}, [], id="it-is-there"),
        pytest.param({"0.9": IMAGE}, {known(IMAGE): Absent()}, [tag("1.0")], id="it-is-gone"),
        pytest.param({"1.0": IMAGE}, {}, [tag("1.0")], id="a-known-tag"),
        pytest.param({"0.9": OTHER}, {}, [tag("1.0")], id="other-content"),
    ],
)
def test_what_is_remembered_orders_the_questions(
    memory: Mapping[str, Manifest], answers: dict[Question, Answer], asked: list[Question]
) -> None:
    policy = Policy(memory={HERE: {name: str(manifest.descriptor.digest) for name, manifest in memory.items()}})
    assert list(questions([push(IMAGE, "1.0")], RemoteState(answers), policy)) == asked


def test_a_plan_trusts_no_memory() -> None:
    steps = plan([push(IMAGE, "1.0")], RemoteState(), Policy(memory={HERE: {"1.0": str(IMAGE.descriptor.digest)}}))
    assert summary(steps)[2] == (("1.0", False),)


def test_two_images_for_one_tag_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        plan([push(), push(OTHER, origin="shop:push")], RemoteState())
    assert str(caught.value).startswith("shop:push: registry.example/web:latest is requested for two images")
    assert "web:push" in str(caught.value)


def test_one_image_twice_for_one_tag_is_not_a_conflict() -> None:
    assert len(plan([push(), push(origin="shop:push")], RemoteState()).uploads) == len(IMAGE.blobs)


def test_a_plan_crosses_into_a_sandbox() -> None:
    steps = plan([push(IMAGE, "latest", "1.0"), push(OTHER, destination=SIBLING)], RemoteState({tag("1.0"): Absent()}))
    assert steps.mounts
    read = Plan.from_json(steps.to_json())
    assert (read.uploads, read.mounts, read.puts) == (steps.uploads, steps.mounts, steps.puts)


def test_answers_cross_out_of_a_sandbox() -> None:
    answers: dict[Question, Answer] = {
        tag("latest"): there(IMAGE),
        known(IMAGE): Absent(),
        tag("1.0"): Unknown("no"),
        content(OTHER): Content(OTHER.config.digest, OTHER.layers),
    }
    assert RemoteState.from_json(RemoteState(answers).to_json()).answers == answers


def test_a_non_distributable_layer_is_neither_asked_for_nor_uploaded() -> None:
    withheld = replace(described("base"), media_type="application/vnd.oci.image.layer.nondistributable.v1.tar")
    image = Manifest.of(IMAGE.config, [withheld, described("app")])
    seen = RemoteState({tag("latest"): there(OTHER), known(image): Absent()})
    for policy in (Policy(), Policy(verify_blobs=True)):
        assert has(withheld) not in questions([push(image)], seen, policy)
        assert [step.blob for step in plan([push(image)], seen, policy).uploads] == [image.config, described("app")]

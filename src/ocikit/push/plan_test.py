from __future__ import annotations

from collections.abc import Mapping

import pytest

from ocikit import media_type
from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import InvalidInput
from ocikit.manifest import Manifest
from ocikit.push.plan import Plan, plan, questions
from ocikit.push.remote_state import Absent, Answer, Kind, Present, Question, RemoteState, Unknown
from ocikit.push.wanted import Destination, PushRequest

HERE = Destination("registry.example/web")
THERE = Destination("oci:dist/web")


def blob(content: str, kind: str = media_type.OCI_LAYER_GZIP) -> Descriptor:
    return Descriptor(kind, Digest.of(content.encode()), len(content))


def image(*layers: str) -> Manifest:
    config = blob("config of " + " ".join(layers), media_type.OCI_CONFIG)
    return Manifest.of(config, [blob(layer) for layer in layers])


IMAGE = image("base", "app")
OTHER = image("base", "other")


def push(
    manifest: Manifest = IMAGE, *tags: str, destination: Destination = HERE, origin: str = "web:push"
) -> PushRequest:
    return PushRequest(origin, destination, tags or ("latest",), manifest)


def tag(name: str, destination: Destination = HERE) -> Question:
    return Question(destination, Kind.TAG, name)


def known(manifest: Manifest, destination: Destination = HERE) -> Question:
    return Question(destination, Kind.MANIFEST, str(manifest.descriptor.digest))


def has(content: Descriptor, destination: Destination = HERE) -> Question:
    return Question(destination, Kind.BLOB, str(content.digest), content.size)


def there(manifest: Manifest) -> Present:
    return Present(manifest.descriptor.digest)


def summary(steps: Plan) -> tuple[int, tuple[int, ...], tuple[tuple[str, bool], ...]]:
    """Kept tags; sizes of the blobs to send; tags to move, and whether their manifest is known."""
    return (
        len(steps.kept),
        tuple(step.blob.size for step in steps.uploads),
        tuple((step.tag, step.known) for step in steps.manifests),
    )


ABSENT_BLOBS: dict[Question, Answer] = {has(content): Absent() for content in IMAGE.blobs}
BASE, APP, CONFIG = (len("base"), len("app"), len("config of base app"))


@pytest.mark.parametrize(
    "request_, answers, expected",
    [
        pytest.param(push(), {tag("latest"): there(IMAGE)}, (1, (), ()), id="unchanged"),
        pytest.param(
            push(),
            {tag("latest"): Absent(), known(IMAGE): Absent()},
            (0, (BASE, APP, CONFIG), (("latest", False),)),
            id="new",
        ),
        pytest.param(
            push(),
            {
                tag("latest"): there(OTHER),
                known(IMAGE): Absent(),
                has(blob("base")): Present(blob("base").digest),
                has(blob("app")): Absent(),
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
            (0, (BASE, APP, CONFIG), (("latest", False),)),
            id="unknown-is-changed",
        ),
        pytest.param(
            push(image("base", "base")),
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
    wanted = [push(), push(OTHER, "other"), push(destination=THERE)]
    steps = plan(wanted, RemoteState())
    sent = [(step.destination, step.blob.digest) for step in steps.uploads]
    assert len(sent) == len(set(sent)) == 5 + 3
    assert steps.bytes_to_send == sum(step.blob.size for step in steps.uploads)


@pytest.mark.parametrize(
    "answers, asked",
    [
        pytest.param({}, [tag("latest"), tag("1.0")], id="tags-first"),
        pytest.param({tag("latest"): there(IMAGE)}, [tag("1.0")], id="the-other-tag"),
        pytest.param({tag("latest"): there(IMAGE), tag("1.0"): there(IMAGE)}, [], id="all-unchanged"),
        pytest.param({tag("latest"): there(OTHER), tag("1.0"): Absent()}, [known(IMAGE)], id="manifest"),
        pytest.param(
            {tag("latest"): Absent(), tag("1.0"): Absent(), known(IMAGE): there(IMAGE)},
            [],
            id="manifest-is-there",
        ),
        pytest.param(
            {tag("latest"): Absent(), tag("1.0"): Absent(), known(IMAGE): Absent()},
            [has(content) for content in IMAGE.blobs],
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


def test_two_images_for_one_tag_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        plan([push(), push(OTHER, origin="shop:push")], RemoteState())
    assert str(caught.value).startswith("shop:push: registry.example/web:latest is wanted for two images")
    assert "web:push" in str(caught.value)


def test_one_image_twice_for_one_tag_is_no_conflict() -> None:
    assert len(plan([push(), push(origin="shop:push")], RemoteState()).uploads) == len(IMAGE.blobs)


def test_a_plan_crosses_into_a_sandbox() -> None:
    steps = plan([push(IMAGE, "latest", "1.0")], RemoteState({tag("1.0"): there(IMAGE)}))
    read = Plan.from_json(steps.to_json())
    assert (read.uploads, read.manifests) == (steps.uploads, steps.manifests)


def test_answers_cross_out_of_a_sandbox() -> None:
    answers: dict[Question, Answer] = {
        tag("latest"): there(IMAGE),
        known(IMAGE): Absent(),
        tag("1.0"): Unknown("no"),
    }
    assert RemoteState.from_json(RemoteState(answers).to_json()).answers == answers

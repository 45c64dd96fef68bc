from __future__ import annotations

import os
from pathlib import Path

from ocikit.publish.plan import Policy
from ocikit.publish.remote_state import Absent, Present, Question, QuestionKind, RemoteState, Unknown
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.stores import Stores
from ocikit.publish.survey import ask as ask_questions
from ocikit.publish.survey import remembered, survey
from ocikit.registry.limiter import CONNECTIONS
from ocikit.testing.fake_faults import Faults
from ocikit.testing.fake_registry import FakeRegistry
from ocikit.testing.images import manifest_of


def make_requests(registry: FakeRegistry, count: int) -> list[PushRequest]:
    image = manifest_of("base", "app")
    places = [Destination(f"{registry.address}/web/{number}") for number in range(count)]
    return [PushRequest(f"{place.path}:push", place, ("latest",), image) for place in places]


def ask(registry: FakeRegistry, requests: list[PushRequest], tmp_path: Path) -> RemoteState:
    registry.requests.clear()
    environ = {"DOCKER_CONFIG": os.fspath(tmp_path)}
    return survey(requests, Stores(os.fspath(tmp_path), environ, {}), Policy())


def test_many_questions_are_asked_concurrently(tmp_path: Path) -> None:
    with FakeRegistry(faults=Faults(delay_seconds=0.02)) as registry:
        requests = make_requests(registry, 4 * CONNECTIONS)
        for request in requests:
            registry.put_manifest(request.destination.path, request.manifest, "latest")
        seen = ask(registry, requests, tmp_path)
        assert all(isinstance(answer, Present) for answer in seen.answers.values())
        assert len(registry.requests) == len(requests)
        assert CONNECTIONS / 2 < registry.most_at_once <= CONNECTIONS


def test_a_registry_without_the_images_is_asked_for_tags_manifests_and_blobs(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        requests = make_requests(registry, 2)
        seen = ask(registry, requests, tmp_path)
        assert set(seen.answers.values()) == {Absent()}
        assert len(registry.requests) == 2 * (1 + 1 + 3)


def test_single_questions(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        (there, gone) = make_requests(registry, 2)
        registry.put_manifest(there.destination.path, there.manifest, "latest")
        digest = there.manifest.descriptor.digest
        places = (there.destination, gone.destination, Destination("127.0.0.1:1/web"))
        questions = [Question(place, QuestionKind.MANIFEST, str(digest)) for place in places]
        seen = ask_questions(questions, Stores(os.fspath(tmp_path), {"DOCKER_CONFIG": os.fspath(tmp_path)}, {}))
        assert [request.method for request in registry.requests] == ["HEAD"] * 2
    answers = [seen[question] for question in questions]
    assert answers[:2] == [Present(digest), Absent()]
    assert isinstance(answers[2], Unknown)


def test_what_is_remembered(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        (there, gone) = make_requests(registry, 2)
        registry.put_manifest(there.destination.path, there.manifest, "latest")
        seen = ask(registry, [there, gone], tmp_path)
    digest = str(there.manifest.descriptor.digest)
    before = {gone.destination: {"1": digest, "2": digest}, there.destination: {"old": "sha256:0"}}
    assert remembered([there, gone], seen, before) == {
        there.destination: {"latest": digest},
        gone.destination: {"1": digest},
    }

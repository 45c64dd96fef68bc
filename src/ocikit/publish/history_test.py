from __future__ import annotations

import pytest

from ocikit.errors import InvalidContent
from ocikit.publish import history
from ocikit.publish.history import SMALLEST_BYTES, history_from_json, history_to_json, holder, with_stored
from ocikit.publish.outcome import Outcomes
from ocikit.publish.plan import Policy, plan, questions
from ocikit.publish.remote_state import Absent, Answer, Present, Question, QuestionKind, RemoteState
from ocikit.publish.request import Destination, PushRequest
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.media_type import OCI_CONFIG, OCI_LAYER_GZIP

ONE, TWO = Destination("registry.example/one"), Destination("registry.example/two")
ELSEWHERE, LAYOUT = Destination("other.example/one"), Destination("oci:dist/one")
LARGE = Descriptor(OCI_LAYER_GZIP, Digest.of(b"large"), SMALLEST_BYTES)
SMALL = Descriptor(OCI_LAYER_GZIP, Digest.of(b"small"), SMALLEST_BYTES - 1)
CONFIG = Descriptor(OCI_CONFIG, Digest.of(b"config"), 20)
IMAGE = Manifest.of(CONFIG, (LARGE, SMALL))


def push(place: Destination) -> PushRequest:
    return PushRequest("web:push", place, ("1",), IMAGE)


def stored(*places: Destination) -> Outcomes:
    return Outcomes(stored=frozenset((place, blob.digest) for place in places for blob in IMAGE.blobs))


def test_large_blobs_that_were_stored_in_registries_are_remembered() -> None:
    found = with_stored({}, [push(place) for place in (ONE, ELSEWHERE, LAYOUT)], stored(ONE, ELSEWHERE, LAYOUT))
    assert found == {
        ("registry.example", str(LARGE.digest)): ONE,
        ("other.example", str(LARGE.digest)): ELSEWHERE,
    }
    assert history_from_json(history_to_json(found)) == found
    assert with_stored({}, [push(ONE)], Outcomes()) == {}


def test_the_newest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 1)
    first = with_stored({}, [push(ELSEWHERE)], stored(ELSEWHERE))
    assert list(with_stored(first, [push(ONE)], stored(ONE)).values()) == [ONE]


@pytest.mark.parametrize(
    "place, blob, expected",
    [(TWO, LARGE, ONE), (ONE, LARGE, None), (ELSEWHERE, LARGE, None), (LAYOUT, LARGE, None), (TWO, SMALL, None)],
)
def test_another_repository_of_the_same_registry(place: Destination, blob: Descriptor, expected: object) -> None:
    assert holder(with_stored({}, [push(ONE)], stored(ONE)), place, blob) == expected


@pytest.mark.parametrize("text", [b"", b"[]", b'{"stored": 3}', b'{"stored": ["ab", 1]}', b'{"stored": [["a"]]}'])
def test_a_file_that_is_damaged(text: bytes) -> None:
    with pytest.raises(InvalidContent):
        history_from_json(text)


@pytest.mark.parametrize("still_there", [True, False])
def test_a_remembered_repository_is_asked_before_it_is_mounted_from(still_there: bool) -> None:
    policy = Policy(history=with_stored({}, [push(ONE)], stored(ONE)))
    requests = (push(TWO),)
    seen = RemoteState()
    asked: list[Question] = []
    while True:
        more = questions(requests, seen, policy)
        if not more:
            break
        asked += more
        answers: dict[Question, Answer] = {
            q: Present(LARGE.digest) if q.destination == ONE and still_there else Absent() for q in more
        }
        seen = seen.plus(answers)
    assert [q for q in asked if q.destination == ONE] == [
        Question(ONE, QuestionKind.BLOB, str(LARGE.digest), LARGE.size)
    ]
    steps = plan(requests, seen, policy)
    assert [(mount.source, mount.blob.digest) for mount in steps.mounts] == [(ONE, LARGE.digest)] * still_there
    assert len(steps.uploads) == 3 - still_there

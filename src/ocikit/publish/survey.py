"""Ask the registries, until the plan has no more questions."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ocikit.errors import OcikitError
from ocikit.publish.plan import Policy, questions
from ocikit.publish.remote_state import (
    Absent,
    Answer,
    Content,
    IndexContent,
    Memory,
    Present,
    Question,
    QuestionKind,
    RemoteState,
    Unknown,
)
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.stores import Stores
from ocikit.registry.limiter import CONNECTIONS
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex
from ocikit.store.store import Store

_ANY_BLOB = "application/octet-stream"


def survey(requests: Sequence[PushRequest], stores: Stores, policy: Policy) -> RemoteState:
    """Answer every question about `requests`; answers are Unknown if a registry fails."""
    seen = RemoteState()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        while True:
            asked = questions(requests, seen, policy)
            if not asked:
                return seen
            seen = seen.plus(_answers(asked, stores, pool))


def ask(asked: Sequence[Question], stores: Stores) -> RemoteState:
    """Answer these questions; answers are Unknown if a registry fails."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return RemoteState(_answers(asked, stores, pool))


def remembered(requests: Sequence[PushRequest], seen: RemoteState, before: Memory) -> Memory:
    """The memory of these repositories: what their tags name now, or else one tag of the memory before."""
    memory: dict[Destination, dict[str, str]] = {}
    for question, answer in seen.answers.items():
        if question.kind is QuestionKind.TAG and isinstance(answer, Present):
            memory.setdefault(question.destination, {})[question.name] = str(answer.digest)
    for request in requests:
        old = before.get(request.destination, {})
        memory.setdefault(request.destination, dict(list(old.items())[:1]))
    return memory


def _answers(asked: Sequence[Question], stores: Stores, pool: ThreadPoolExecutor) -> dict[Question, Answer]:
    # Submitting questions one by one would cost as much as asking them.
    stores.meter.expect(len(asked))
    shares = [asked[number::CONNECTIONS] for number in range(CONNECTIONS)]
    answers = pool.map(lambda share: {question: _ask(question, stores) for question in share}, shares)
    return dict(ChainMap(*answers))


def _ask(question: Question, stores: Stores) -> Answer:
    try:
        with stores.timed(question.destination) as store:
            return _answer(question, store)
    except OcikitError as error:
        return Unknown(str(error))
    finally:
        stores.meter.completed()


def _answer(question: Question, store: Store) -> Answer:
    if question.kind is QuestionKind.BLOB:
        blob = Descriptor(_ANY_BLOB, Digest.parse(question.name), question.size)
        return Present(blob.digest) if store.has_blob(blob) else Absent()
    if question.kind is QuestionKind.CONTENT:
        manifest = store.fetch_manifest(question.name)
        if isinstance(manifest, ImageIndex):
            return IndexContent(manifest.manifests)
        return Content(manifest.config.digest, manifest.layers)
    found = store.resolve(question.name)
    return Present(found.digest) if found else Absent()

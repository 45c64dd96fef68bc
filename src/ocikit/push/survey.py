"""Ask the registries, until the plan has no more questions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest
from ocikit.errors import OcikitError
from ocikit.push.plan import questions
from ocikit.push.remote_state import Absent, Answer, Kind, Present, Question, RemoteState, Unknown
from ocikit.push.wanted import Destination, PushRequest
from ocikit.store import Store

# What docker and crane keep within towards one registry is 3 to 5; one survey serves a whole run.
CONCURRENCY = 8

_ANY_BLOB = "application/octet-stream"


def survey(wanted: Sequence[PushRequest], open_store: Callable[[Destination], Store]) -> RemoteState:
    """Answers to every question of `wanted`; a registry that fails to answer makes them Unknown."""
    seen = RemoteState()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        while True:
            asked = questions(wanted, seen)
            if not asked:
                return seen
            answers = pool.map(lambda question: _ask(question, open_store), asked)
            seen = seen.plus(dict(zip(asked, answers)))


def _ask(question: Question, open_store: Callable[[Destination], Store]) -> Answer:
    try:
        store = open_store(question.destination)
        if question.kind is Kind.BLOB:
            blob = Descriptor(_ANY_BLOB, Digest.parse(question.name), question.size)
            return Present(blob.digest) if store.has_blob(blob) else Absent()
        found = store.resolve(question.name)
        return Present(found.digest) if found else Absent()
    except OcikitError as error:
        return Unknown(str(error))

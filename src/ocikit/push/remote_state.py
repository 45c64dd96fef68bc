"""What the registries said: questions and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Union

from ocikit import canonical_json
from ocikit.digest import Digest
from ocikit.push.wanted import Destination


class Kind(Enum):
    """What a question is about."""

    TAG = "tag"
    MANIFEST = "manifest"
    BLOB = "blob"


@dataclass(frozen=True)
class Question:
    """Is `name`, a tag or the text of a digest, in `destination`? `size` is a blob's, 0 for the others."""

    destination: Destination
    kind: Kind
    name: str
    size: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "destination": self.destination.to_json(),
            "kind": self.kind.value,
            "name": self.name,
            "size": self.size,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Question:
        destination = Destination.from_json(document["destination"])
        return cls(destination, Kind(document["kind"]), document["name"], document["size"])


@dataclass(frozen=True)
class Present:
    """It is there; a tag or manifest has this digest."""

    digest: Digest


@dataclass(frozen=True)
class Absent:
    """It is not there."""


@dataclass(frozen=True)
class Unknown:
    """The registry did not tell; never to be taken for unchanged."""

    reason: str


Answer = Union[Present, Absent, Unknown]


@dataclass(frozen=True)
class RemoteState:
    """Answers to questions; a question that was not asked is Unknown."""

    answers: Mapping[Question, Answer] = field(default_factory=lambda: MappingProxyType({}))

    def __getitem__(self, question: Question) -> Answer:
        return self.answers.get(question, Unknown("not asked"))

    def __contains__(self, question: Question) -> bool:
        return question in self.answers

    def digest(self, question: Question) -> Digest | None:
        answer = self[question]
        return answer.digest if isinstance(answer, Present) else None

    def plus(self, answers: Mapping[Question, Answer]) -> RemoteState:
        return RemoteState(MappingProxyType({**self.answers, **answers}))

    def to_json(self) -> bytes:
        rows = [{**q.to_json(), **_answer_to_json(a)} for q, a in self.answers.items()]
        return canonical_json.dumps({"answers": rows})

    @classmethod
    def from_json(cls, data: bytes) -> RemoteState:
        document = canonical_json.loads_object(data, "the survey")
        answers = {Question.from_json(row): _answer_from_json(row) for row in document["answers"]}
        return cls(MappingProxyType(answers))


def _answer_to_json(answer: Answer) -> dict[str, str]:
    if isinstance(answer, Present):
        return {"digest": str(answer.digest)}
    return {"unknown": answer.reason} if isinstance(answer, Unknown) else {}


def _answer_from_json(row: Mapping[str, Any]) -> Answer:
    if "digest" in row:
        return Present(Digest.parse(row["digest"]))
    return Unknown(row["unknown"]) if "unknown" in row else Absent()

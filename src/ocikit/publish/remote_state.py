"""The state of the registries: questions and their answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Union

from ocikit.publish.request import Destination
from ocikit.spec import canonical_json
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest


class QuestionKind(str, Enum):
    """The subject of a question."""

    TAG = "tag"
    MANIFEST = "manifest"
    BLOB = "blob"
    # The content of the image or index that a tag names now.
    CONTENT = "content"


class Question(NamedTuple):
    """Is `name`, a tag or the text of a digest, in `destination`? `size` is a blob's, 0 for the others."""

    destination: Destination
    kind: QuestionKind
    name: str
    size: int = 0


@dataclass(frozen=True)
class Present:
    """It is there; a tag or manifest has this digest."""

    digest: Digest


@dataclass(frozen=True)
class Absent:
    """It is not there."""


@dataclass(frozen=True)
class Unknown:
    """The registry did not answer; never treated as unchanged."""

    reason: str


@dataclass(frozen=True)
class Content:
    """Config and layers of an image that is there."""

    config: Digest
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True)
class IndexContent:
    """The images of an index that is there."""

    manifests: tuple[Descriptor, ...]


Answer = Union[Present, Absent, Unknown, Content, IndexContent]


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

    def to_json(self) -> list[Any]:
        return [
            [q.destination.address, q.kind.value, q.name, q.size, *_answer_to_json(a)] for q, a in self.answers.items()
        ]

    @classmethod
    def from_json(cls, rows: Iterable[Any]) -> RemoteState:
        answers = {
            Question(Destination(address), QuestionKind(kind), name, size): _answer_from_json(answer, value)
            for address, kind, name, size, answer, value in rows
        }
        return cls(MappingProxyType(answers))


# What this machine saw of a repository when it last published there: its tags and their digests.
Memory = Mapping[Destination, Mapping[str, str]]


def memory_to_json(memory: Memory) -> bytes:
    return canonical_json.dumps({place.address: dict(tags) for place, tags in memory.items()})


def memory_from_json(data: bytes) -> Memory:
    """Read what may be out of date and is never trusted; raises InvalidContent."""
    document = canonical_json.loads_object(data, "the memory of published tags", max_size=None)
    return {
        Destination(address): {str(tag): str(digest) for tag, digest in tags.items()}
        for address, tags in document.items()
        if isinstance(tags, dict)
    }


def _answer_to_json(answer: Answer) -> tuple[str, Any]:
    if isinstance(answer, Present):
        return "present", str(answer.digest)
    if isinstance(answer, Unknown):
        return "unknown", answer.reason
    if isinstance(answer, Content):
        return "content", {"config": str(answer.config), "layers": [layer.to_json() for layer in answer.layers]}
    if isinstance(answer, IndexContent):
        return "index", [manifest.to_json() for manifest in answer.manifests]
    return "absent", None


def _answer_from_json(answer: str, value: Any) -> Answer:
    if answer == "present":
        return Present(Digest.parse(value))
    if answer == "unknown":
        return Unknown(value)
    if answer == "content":
        layers = tuple(Descriptor.from_json(layer) for layer in value["layers"])
        return Content(Digest.parse(value["config"]), layers)
    if answer == "index":
        return IndexContent(tuple(Descriptor.from_json(manifest) for manifest in value))
    return Absent()

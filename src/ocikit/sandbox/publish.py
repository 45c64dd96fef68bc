"""Commands that Pants runs to publish. The input is a JSON file, the output is answers or outcomes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocikit import atomic_file
from ocikit.errors import InvalidContent
from ocikit.progress import Meter
from ocikit.publish.blob_sources import BlobSources
from ocikit.publish.execute import execute_plan
from ocikit.publish.history import History, history_from_json, history_to_json, with_stored
from ocikit.publish.outcome import costs_to_json
from ocikit.publish.plan import Policy
from ocikit.publish.remote_state import Memory, Question, QuestionKind, memory_from_json, memory_to_json
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan
from ocikit.publish.stores import Stores
from ocikit.publish.survey import ask, remembered, survey
from ocikit.registry.options import RegistryOptions
from ocikit.registry.retry_policy import RetryBudget
from ocikit.registry.wait_budget import WaitBudget
from ocikit.sandbox import protocol
from ocikit.sandbox.progress import report_progress_to_pants
from ocikit.spec import canonical_json


def run_survey(request: Mapping[str, Any]) -> int:
    """Ask registries what they have and write the answers to `answer.json`.

    The file `memory` keeps what tags name now, for the order of the next survey's questions. The file `history` lists
    where to ask for large blobs.
    """
    requests = tuple(PushRequest.from_json(item) for item in request["requests"])
    meter = Meter("Asked", "questions about images")
    stores = _stores(request, meter)
    memory = _read_memory(request["memory"])
    policy = Policy(request["verify_blobs"], memory, _read_history(request["history"]))
    with report_progress_to_pants(meter, os.environ):
        seen = survey(requests, stores, policy)
    answers = {
        "answers": seen.to_json(),
        "costs": costs_to_json(stores.costs({push.destination for push in requests})),
        "warnings": list(stores.warnings()),
        "waited": stores.waited(),
    }
    Path(protocol.ANSWER).write_bytes(canonical_json.dumps(answers))
    _remember(request["memory"], memory_to_json({**memory, **remembered(requests, seen, memory)}))
    return 0


def run_ask(request: Mapping[str, Any]) -> int:
    """Ask whether `manifests`, pairs [repository, digest], exist and write the answers to `answer.json`."""
    stores = _stores(request, Meter())
    questions = [
        Question(Destination(address), QuestionKind.MANIFEST, digest) for address, digest in request["manifests"]
    ]
    answers = {"answers": ask(questions, stores).to_json(), "warnings": list(stores.warnings())}
    Path(protocol.ANSWER).write_bytes(canonical_json.dumps(answers))
    return 0


def run_publish(request: Mapping[str, Any]) -> int:
    """Execute a plan and write the outcomes to `answer.json`.

    `bases`: the repository, by digest, of each blob that is not below `input/`. `waited`: how many seconds the run has
    already waited for registries.
    """
    requests = tuple(PushRequest.from_json(item) for item in request["requests"])
    plan = Plan.from_json(request["plan"])
    manifests = {m.descriptor.digest: m for push in requests for m in (push.manifest, *push.children)}
    blobs = {push.manifest.descriptor.digest: push.blobs for push in requests}
    meter = Meter("Published", "images")
    budget = RetryBudget(waits=WaitBudget(used=request.get("waited", 0)))
    stores = _stores(request, meter, for_push=True, budget=budget)
    bases = {digest: Destination(address) for digest, address in request["bases"].items()}
    sources = BlobSources(protocol.BLOBS, plan, bases, _stores(request, meter, mirrors=True, budget=budget), stores)
    with report_progress_to_pants(meter, os.environ):
        outcomes = execute_plan(plan, manifests, stores, sources.opener)
    Path(protocol.ANSWER).write_bytes(canonical_json.dumps(outcomes.to_json()))
    memory = {place: dict(tags) for place, tags in _read_memory(request["memory"]).items()}
    for put in plan.puts:
        moved = [tag for tag in put.tags if (put.origin, put.destination, tag) not in outcomes.failed]
        if not outcomes.waits(put.destination, blobs[put.manifest.digest]):
            memory.setdefault(put.destination, {}).update(dict.fromkeys(moved, str(put.manifest.digest)))
    _remember(request["memory"], memory_to_json(memory))
    history = with_stored(_read_history(request["history"]), requests, outcomes)
    _remember(request["history"], history_to_json(history))
    return 0


def _stores(
    request: Mapping[str, Any],
    meter: Meter,
    *,
    for_push: bool = False,
    mirrors: bool = False,
    budget: RetryBudget | None = None,
) -> Stores:
    options = {name: RegistryOptions.from_json(item) for name, item in request["registries"].items()}
    return Stores(request["root"], os.environ, options, for_push=for_push, mirrors=mirrors, meter=meter, budget=budget)


def _read_memory(path: str) -> Memory:
    try:
        return memory_from_json(Path(path).read_bytes())
    except (OSError, InvalidContent):
        return {}


def _read_history(path: str) -> History:
    try:
        return history_from_json(Path(path).read_bytes())
    except (OSError, InvalidContent):
        return {}


def _remember(path: str, data: bytes) -> None:
    """Write the file if its content is new. If that fails, the next survey asks more questions."""
    with suppress(OSError):
        if not os.path.exists(path) or Path(path).read_bytes() != data:
            atomic_file.write(path, data)


COMMANDS = {protocol.SURVEY: run_survey, protocol.PUBLISH: run_publish, protocol.ASK: run_ask}

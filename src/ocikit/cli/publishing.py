"""Commands that Pants runs to publish. The input is a JSON file, the output is answers or outcomes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocikit import atomic_file, canonical_json
from ocikit.cli.telling import telling_pants
from ocikit.errors import InvalidContent
from ocikit.progress import Meter
from ocikit.push.blob_sources import BlobSources
from ocikit.push.carry_out import carry_out
from ocikit.push.holders import Holders, holders_from_json, holders_to_json, with_stored
from ocikit.push.outcome import costs_to_json
from ocikit.push.plan import Policy
from ocikit.push.remote_state import Kind, Memory, Question, memory_from_json, memory_to_json
from ocikit.push.steps import Plan
from ocikit.push.stores import Stores
from ocikit.push.survey import ask, remembered, survey
from ocikit.push.wanted import Destination, PushRequest
from ocikit.registry.options import RegistryOptions
from ocikit.registry.retry import RetryBudget
from ocikit.registry.wait_budget import WaitBudget

BLOBS = "input/blobs"


def run_survey(request: Mapping[str, Any]) -> int:
    """Ask registries what they have and write the answers to `survey.json`.

    The file `memory` keeps what tags name now, for the order of the next survey's questions. The file `holders` lists
    where to ask for large blobs.
    """
    requests = tuple(PushRequest.from_json(item) for item in request["requests"])
    meter = Meter("Asked", "questions about images")
    stores = _stores(request, meter)
    memory = _read_memory(request["memory"])
    policy = Policy(request["verify_blobs"], memory, _read_holders(request["holders"]))
    with telling_pants(meter, os.environ):
        seen = survey(requests, stores, policy)
    answers = {
        "answers": seen.to_json(),
        "costs": costs_to_json(stores.costs({push.destination for push in requests})),
        "warnings": list(stores.warnings()),
        "waited": stores.waited(),
    }
    Path("survey.json").write_bytes(canonical_json.dumps(answers))
    _remember(request["memory"], memory_to_json({**memory, **remembered(requests, seen, memory)}))
    return 0


def run_ask(request: Mapping[str, Any]) -> int:
    """Ask whether `manifests`, pairs [repository, digest], exist and write the answers to `answers.json`."""
    stores = _stores(request, Meter())
    questions = [Question(Destination(address), Kind.MANIFEST, digest) for address, digest in request["manifests"]]
    answers = {"answers": ask(questions, stores).to_json(), "warnings": list(stores.warnings())}
    Path("answers.json").write_bytes(canonical_json.dumps(answers))
    return 0


def run_publish(request: Mapping[str, Any]) -> int:
    """Execute a plan and write the outcomes to `outcomes.json`.

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
    sources = BlobSources(BLOBS, plan, bases, _stores(request, meter, mirrors=True, budget=budget), stores)
    with telling_pants(meter, os.environ):
        outcomes = carry_out(plan, manifests, stores, sources.opener)
    Path("outcomes.json").write_bytes(canonical_json.dumps(outcomes.to_json()))
    memory = {place: dict(tags) for place, tags in _read_memory(request["memory"]).items()}
    for put in plan.puts:
        moved = [tag for tag in put.tags if (put.origin, put.destination, tag) not in outcomes.failed]
        if not outcomes.waits(put.destination, blobs[put.manifest.digest]):
            memory.setdefault(put.destination, {}).update(dict.fromkeys(moved, str(put.manifest.digest)))
    _remember(request["memory"], memory_to_json(memory))
    holders = with_stored(_read_holders(request["holders"]), requests, outcomes)
    _remember(request["holders"], holders_to_json(holders))
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


def _read_holders(path: str) -> Holders:
    try:
        return holders_from_json(Path(path).read_bytes())
    except (OSError, InvalidContent):
        return {}


def _remember(path: str, data: bytes) -> None:
    """Write the file if its content is new. If that fails, the next survey asks more questions."""
    with suppress(OSError):
        if not os.path.exists(path) or Path(path).read_bytes() != data:
            atomic_file.write(path, data)

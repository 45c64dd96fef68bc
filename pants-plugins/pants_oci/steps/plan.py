"""What is wanted and what registries have become a plan: survey what is there, decide purely what is left to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.push.plan import Plan, plan
from ocikit.push.remote_state import RemoteState
from ocikit.push.wanted import PushRequest
from pants_oci.compat import by_name, get_digest_contents
from pants_oci.steps.ocikit_process import OcikitProcess, call_ocikit

_ANSWERS_FILE = "survey.json"


@dataclass(frozen=True)
class PlanRequest(EngineAwareParameter):
    """Ask the registries about `requests` and plan what is left to do."""

    requests: tuple[PushRequest, ...]

    def debug_hint(self) -> str:
        return ", ".join(sorted({request.origin for request in self.requests}))


@dataclass(frozen=True)
class Planned:
    """What is left to do."""

    plan: Plan


@rule(desc="Plan a push", level=LogLevel.DEBUG)
async def plan_push(request: PlanRequest) -> Planned:
    survey = await call_ocikit(
        OcikitProcess(
            "survey",
            request_document(request.requests),
            EMPTY_DIGEST,
            f"Ask registries about {request.debug_hint()}",
            output_files=(_ANSWERS_FILE,),
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    contents = await get_digest_contents(survey.digest)
    return Planned(plan(request.requests, RemoteState.from_json(contents[0].content)))


call_plan = by_name(plan_push, Planned, PlanRequest)


def request_document(requests: Iterable[PushRequest], steps: Plan | None = None) -> bytes:
    """What a sandbox needs to know; `oci:` addresses in it are relative to the build root."""
    return ocikit.canonical_json.dumps(
        {
            "root": get_buildroot(),
            "requests": [request.to_json() for request in requests],
            **({"plan": steps.to_json()} if steps else {}),
        }
    )


def rules() -> Iterable[object]:
    return collect_rules()

"""The commands that Pants runs where registries are: a JSON file in; answers, or lines for people, out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from ocikit.digest import Digest
from ocikit.push.commit import commit
from ocikit.push.plan import Plan
from ocikit.push.report import failure_lines, success_lines
from ocikit.push.stores import Stores
from ocikit.push.survey import survey
from ocikit.push.upload import upload
from ocikit.push.wanted import PushRequest
from ocikit.store import Opener

BLOBS = "input/blobs"


def run_survey(request: Mapping[str, Any]) -> int:
    """Ask registries what they have; the answers go to `survey.json`."""
    answers = survey(_requests(request), Stores(request["root"], os.environ))
    Path("survey.json").write_bytes(answers.to_json())
    return 0


def run_publish(request: Mapping[str, Any]) -> int:
    """Carry out a plan; says on standard error what was done, or what failed."""
    stores = Stores(request["root"], os.environ, for_push=True)
    plan = Plan.from_json(request["plan"])
    manifests = {r.manifest.descriptor.digest: r.manifest for r in _requests(request)}
    not_sent = upload(plan.uploads, stores, _blob_opener)
    incomplete = {step.destination for step in not_sent}
    ready = [step for step in plan.manifests if step.destination not in incomplete]
    not_moved = commit(ready, stores, manifests)
    failures = tuple(failure_lines(plan, not_sent, not_moved))
    for line in failures or success_lines(plan):
        print(line, file=sys.stderr)
    return 1 if failures else 0


def _requests(request: Mapping[str, Any]) -> tuple[PushRequest, ...]:
    return tuple(PushRequest.from_json(item) for item in request["requests"])


def _blob_opener(digest: Digest) -> Opener:
    path = Path(BLOBS, digest.algorithm, digest.hex)

    def open_blob() -> AbstractContextManager[BinaryIO]:
        return path.open("rb")

    return open_blob

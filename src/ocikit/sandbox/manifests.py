"""The command with which Pants scans the sources of deployments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocikit.errors import InvalidContent
from ocikit.manifests.scan import decode, scan
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json


def run_manifests(request: Mapping[str, Any]) -> int:
    """Scan `files` of `input/`. If some have problems, the answer lists all of these instead."""
    files, problems = {}, []
    for name in request["files"]:
        try:
            files[name] = scan(decode(Path(protocol.INPUT, name).read_bytes(), name), name).to_json()
        except InvalidContent as error:
            problems.append(str(error))
    answer: dict[str, Any] = {"problems": problems} if problems else {"files": files}
    Path(protocol.ANSWER).write_bytes(canonical_json.dumps(answer))
    return 0


COMMANDS = {protocol.MANIFESTS: run_manifests}

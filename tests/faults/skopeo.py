"""Results of skopeo in the same registry with the same faults, recorded since they take some minutes.

PYTHONPATH=src:tests python -m faults.skopeo       # writes skopeo.json next to this file

Each image is copied by `skopeo copy --retry-times 3`, one after the other, with an empty blob cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

from faults.cell import Cell, Downtime, Pushed
from faults.matrix import KEYS, Key, run_matrix
from faults.scenario import PASSWORD, REQUESTS, TAG, TRUSTING, USER, Images
from ocikit.store.layout import Layout
from ocikit.testing import FakeRegistry

RECORD = Path(__file__).with_name("skopeo.json")
# skopeo retries after 1, 2 and 4 seconds.
LONGEST_SECONDS = 25
_DOWN_SECONDS = 0.5
_HUNG = "no end"
_NEVER_SENT = ("HEAD tag", "HEAD manifest", "GET manifest", "GET upload")


def publish(registry: FakeRegistry, images: Images, down: Downtime) -> Pushed:
    errors = []
    with tempfile.TemporaryDirectory() as folder:
        for repository, manifest in images.manifests.items():
            layout = Layout(os.path.join(folder, repository))
            for blob in manifest.blobs:
                layout.push_blob(blob, partial(BytesIO, images.blobs[blob.digest]))
            layout.push_manifest(manifest, TAG)
            error = _copy(f"oci:{layout.path}:{TAG}", f"docker://{registry.address}/{repository}:{TAG}", folder)
            errors += [error] if error else []
    return Pushed(not errors, tuple(errors))


def _copy(source: str, target: str, home: str) -> str | None:
    command = (
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        "--preserve-digests",
        "--retry-times=3",
        "--dest-tls-verify=false",
    )
    try:
        done = subprocess.run(
            [*command, f"--dest-creds={USER}:{PASSWORD}", source, target],
            env={**os.environ, "HOME": home, "XDG_DATA_HOME": home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _HUNG
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else None


def outcome(cell: Cell) -> str:
    """The outcome of a cell in one word; "claimed": skopeo reports success, and the tag has not moved."""
    if not cell.met:
        return "no such request"
    if any("received a secret" in text for text in cell.broken):
        return "leaked"
    if any("is a tag of something" in text for text in cell.broken):
        return "broken"
    if cell.pushed.finished:
        return "claimed" if cell.broken else "finished"
    return "hung" if _HUNG in cell.pushed.errors else "failed"


def read_record() -> tuple[str, Mapping[Key, str]]:
    """The version of skopeo, and each cell's outcome."""
    document = json.loads(RECORD.read_text())
    cells = {Key(request, fault, when == "once"): word for request, fault, when, word in document["cells"]}
    return document["version"], cells


def main() -> None:
    version = subprocess.run(["skopeo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    # skopeo sends a blob in one PATCH: it could not pass a limit of the body, and no chunk has to be cut.
    requests = {
        shown: replace(request, faults=TRUSTING, first=(), at="", skip=0) for shown, request in REQUESTS.items()
    }
    keys = [key for key in KEYS if key.request not in _NEVER_SENT]
    cells = run_matrix(publish, keys, requests, repair=False, down_seconds=_DOWN_SECONDS)
    rows = [[key.request, key.fault, _when(key), outcome(cell)] for key, cell in cells.items()]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    RECORD.write_text(f'{{"version": {json.dumps(version)}, "cells": [\n{lines}\n]}}\n')


def _when(key: Key) -> str:
    return "once" if key.once else "for ever"


if __name__ == "__main__":
    main()

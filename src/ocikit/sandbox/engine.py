"""Commands that Pants runs next to a container engine: look an image up, and load it.

An error is part of the answer, so that Pants can report it with the target of the image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocikit.container_engine import Engine, engines
from ocikit.errors import OcikitError
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.spec.digest import Digest


def run_ask_engine(request: Mapping[str, Any]) -> int:
    """Choose an engine, look up the image in it, and write the answer to `answer.json`.

    The first engine that answers is used.
    """
    with _answered() as answer:
        candidates = engines(request["engine"], os.environ)
        for number, engine in enumerate(candidates, 1):
            try:
                found = engine.find(request["names"])
            except OcikitError:
                if number == len(candidates):
                    raise
                continue
            known = 0 if found else engine.known_layers(request["diff_ids"])
            answer.update(kind=engine.kind, path=engine.path, image=found, known_layers=known)
            return 0
    return 0


def run_load(request: Mapping[str, Any]) -> int:
    """Load the image of the layout `input/NAME` into an engine and write its ID there to `answer.json`."""
    engine, name = Engine(request["kind"], request["path"]), request["name"]
    without = frozenset(map(Digest.parse, request["without"]))
    os.chdir(protocol.INPUT)
    with _answered("..") as answer:
        engine.load(name, Digest.parse(request["digest"]), f"{name}:latest", without)
        found = engine.find(request["names"])
        if found is None:
            raise OcikitError(f"{engine.kind} loaded the image, but has none of {', '.join(request['names'])}.")
        engine.tag(found, f"{name}:latest")
        answer.update(image=found)
    return 0


@contextmanager
def _answered(folder: str = ".") -> Iterator[dict[str, Any]]:
    answer: dict[str, Any] = {}
    try:
        yield answer
    except OcikitError as error:
        answer = {"error": str(error)}
    Path(folder, protocol.ANSWER).write_bytes(canonical_json.dumps(answer))


COMMANDS = {protocol.ASK_ENGINE: run_ask_engine, protocol.LOAD: run_load}

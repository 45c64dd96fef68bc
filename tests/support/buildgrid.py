"""BuildGrid, a second and independent server of the Remote Execution API, written in Python: only a cache."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cache_server import CacheServer
from support.registry_process import free_port

_CONFIGURATION = """\
server: [!channel {{address: "127.0.0.1:{port}", insecure-mode: true}}]
authorization: {{method: none}}
monitoring: {{enabled: false}}
thread-pool-size: 100
instances:
  - name: main
    description: a cache
    storages: [!disk-storage &cas {{path: {store}}}]
    caches: [!lru-action-cache &results {{storage: *cas, max-cached-refs: 10000, allow-updates: true}}]
    services: [!action-cache {{cache: *results}}, !cas {{storage: *cas}}, !bytestream {{storage: *cas}}]
"""


class BuildGrid(CacheServer):
    """A BuildGrid server. Blobs outlive it in `folder`; action results do not, since they are in its memory."""

    options = {"remote_instance_name": "main"}
    _READ = re.compile(r'Read request [^"\n]*digest="([0-9a-f]{64})/(\d+)"')
    _CALL = re.compile(r'Received request\..* method="(\w+)"')

    def __init__(self, folder: Path) -> None:
        program = os.environ.get("TEST_BGD")
        if not program:
            pytest.skip(
                "NOT TESTED WITH BUILDGRID: TEST_BGD names no bgd. "
                "./test installs it where CPython 3.13 is on the PATH or under pyenv."
            )
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        configuration = folder / "configuration.yml"
        configuration.write_text(_CONFIGURATION.format(port=port, store=json.dumps(str(folder / "store"))))
        # The second level of verbosity logs each blob that is read.
        super().__init__(folder, port, [program, "server", "start", "-vv", configuration])

    def blob(self, sha256: str) -> Path:
        return self.folder / "store/cas/objects" / sha256[:2] / sha256[2:]


@contextmanager
def buildgrid(folder: Path) -> Iterator[BuildGrid]:
    """Run a server within a `with`."""
    server = BuildGrid(folder)
    try:
        yield server
    finally:
        server.stop()

"""A real registry as a plain process: Debian's `docker-registry`, which starts in a tenth of a second."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def registry_process(folder: Path, **settings: Mapping[str, Any]) -> Iterator[str]:
    """Run a registry within a `with`, which returns its address. `settings`: more of its configuration."""
    if not shutil.which("docker-registry"):
        pytest.fail("docker-registry is missing; ./test installs all that the tests use.")
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": address},
        **settings,
    }
    # JSON is valid YAML.
    (folder / "config.yml").write_text(json.dumps(document))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(address, process, folder / "log")
        yield address
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            connection.request("GET", "/v2/")
            connection.getresponse().read()
            return
        except OSError:
            assert process.poll() is None, f"docker-registry ended: {log.read_text()}"
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError(f"The registry at {address} did not answer within 15 seconds: {log.read_text()}")

"""A real registry, in a container that only this machine can reach."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from support.commands import image_from, need_engine, run

PORT = 5000
MANIFEST_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Login:
    user: str
    password: str

    def docker_config(self, registry: str) -> bytes:
        """The `config.json` that `docker login REGISTRY` writes."""
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return json.dumps({"auths": {registry: {"auth": secret}}}).encode()


@dataclass(frozen=True)
class Registry:
    """`address`: host and port, plain HTTP. With a `login` nothing is told to anybody else."""

    address: str
    login: Login | None = None

    def get(self, path: str) -> requests.Response:
        """Ask for `/v2/PATH`, past every proxy that counts."""
        auth = (self.login.user, self.login.password) if self.login else None
        return requests.get(
            f"http://{self.address}/v2/{path}", headers={"Accept": MANIFEST_TYPES}, auth=auth, timeout=30
        )

    def manifest(self, repository: str, name: str = "latest") -> dict[str, Any]:
        """The manifest that a tag or digest names."""
        answer = self.get(f"{repository}/manifests/{name}")
        assert answer.status_code == 200, f"{repository}:{name}: {answer.status_code} {answer.text}"
        document: dict[str, Any] = answer.json()
        return document

    def digest(self, repository: str, tag: str = "latest") -> str:
        return self.get(f"{repository}/manifests/{tag}").headers["Docker-Content-Digest"]


@contextmanager
def registry_container(folder: Path, login: Login | None = None) -> Iterator[Registry]:
    """Start a registry, for the time of a `with`; with a `login` it wants these. `folder` is for its files."""
    need_engine()
    with warnings.catch_warnings():
        # It warns of parts of itself, and takes long: tests without a container do without it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    container = DockerContainer(image_from("TEST_REGISTRY_IMAGE"))
    container.ports[f"{PORT}/tcp"] = ("127.0.0.1", None)
    for name, value in _environment(login).items():
        container.with_env(name, value)
    if login:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "htpasswd").write_text(run("htpasswd", "-Bbn", login.user, login.password))
        container.with_volume_mapping(str(folder), "/auth", "ro")
    with container:
        registry = Registry(f"127.0.0.1:{container.get_exposed_port(PORT)}", login)
        _wait_for(registry)
        yield registry


def _environment(login: Login | None) -> Mapping[str, str]:
    if not login:
        return {}
    return {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "tests",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
    }


def _wait_for(registry: Registry) -> None:
    for _ in range(300):
        try:
            if registry.get("").status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The registry at {registry.address} did not answer within 30 seconds.")

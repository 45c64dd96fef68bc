"""Real registries in containers that only this machine can reach."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from support.certificates import KeyPair
from support.commands import DOCKER, image_from, need_engine, run

PORT = 5000
LOOPBACK = "127.0.0.1"
# The path in the container of the files of its folder.
FILES = "/files"
MANIFEST_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Login:
    user: str
    password: str

    @property
    def auth(self) -> AuthBase:
        # `requests` would encode texts as Latin-1.
        return HTTPBasicAuth(self.user.encode(), self.password.encode())

    def docker_config(self, *registries: str) -> bytes:
        """The `config.json` that `docker login REGISTRY` writes."""
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return json.dumps({"auths": {registry: {"auth": secret} for registry in registries}}).encode()


@dataclass(frozen=True)
class Registry:
    """A registry at `address`, a host and port; plain HTTP, unless there is an `authority` to trust.

    It requires a `login` or a `client` certificate if set; `auth` is another authentication. `beside` has the addresses
    of other ports of the container, by their numbers there, for containers that share its network.
    """

    address: str
    login: Login | None = None
    authority: Path | None = None
    client: KeyPair | None = None
    auth: AuthBase | None = None
    container: str = ""
    beside: Mapping[int, str] = field(default_factory=dict)

    def get(self, path: str) -> requests.Response:
        """Request `/v2/PATH`, bypassing every counting proxy."""
        return requests.get(
            f"{'https' if self.authority else 'http'}://{self.address}/v2/{path}",
            headers={"Accept": MANIFEST_TYPES},
            auth=self.auth or (self.login.auth if self.login else None),
            verify=str(self.authority) if self.authority else True,
            cert=(str(self.client.certificate), str(self.client.key)) if self.client else None,
            timeout=30,
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
def registry_container(
    folder: Path,
    login: Login | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    authority: Path | None = None,
    client: KeyPair | None = None,
    auth: AuthBase | None = None,
    storage: Path | None = None,
    ports: tuple[int, ...] = (),
    host: str = LOOPBACK,
) -> Iterator[Registry]:
    """Run a registry within a `with`; it requires `login` if set.

    The container has the files of `folder` in `FILES`, and the variables of `environment`. `storage`: the folder of its
    content, which other registries may share. `authority`, `client` and `auth` are for its clients. `ports`: more ports
    of the container to publish. `host`: this machine's address to publish them at.
    """
    storage = storage or folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    variables = {**(environment or {})}
    if login:
        (folder / "htpasswd").write_text(run("htpasswd", "-Bbn", login.user, login.password))
        variables.update(_BASIC)
    volumes = {folder: FILES, storage: "/var/lib/registry"}
    with container(image_from("TEST_REGISTRY_IMAGE"), variables, volumes, (PORT, *ports), host=host) as started:
        addresses = {port: address for port, address in started.addresses.items() if port != PORT}
        registry = Registry(started.addresses[PORT], login, authority, client, auth, started.name, addresses)
        wait_for(registry)
        yield registry


_BASIC = {
    "REGISTRY_AUTH": "htpasswd",
    "REGISTRY_AUTH_HTPASSWD_REALM": "tests",
    "REGISTRY_AUTH_HTPASSWD_PATH": f"{FILES}/htpasswd",
}


@dataclass(frozen=True)
class Container:
    """A running container; `addresses` of its published ports are on this machine, by their numbers inside."""

    name: str
    addresses: Mapping[int, str]


@contextmanager
def container(
    image: str,
    environment: Mapping[str, str],
    volumes: Mapping[Path, str],
    ports: tuple[int, ...] = (),
    *,
    command: str | None = None,
    network_of: str = "",
    host: str = LOOPBACK,
) -> Iterator[Container]:
    """Run a container within a `with`. `network_of`: another container, whose network it shares.

    `ports` of it are published at `host`, an address of this machine.
    """
    need_engine()
    with warnings.catch_warnings():
        # Importing it takes long and warns of deprecations, so tests without a container skip it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    running = DockerContainer(image, command=command)
    for port in ports:
        running.ports[f"{port}/tcp"] = (host, None)
    for name, value in environment.items():
        running.with_env(name, value)
    for path, inside in volumes.items():
        running.with_volume_mapping(str(path), inside, "rw")
    settings = {"network_mode": f"container:{network_of}"} if network_of else {}
    # Then files that it writes into folders of this machine belong to the current user.
    running.with_kwargs(user=f"{os.getuid()}:{os.getgid()}", **settings)
    with running:
        name = running.get_wrapped_container().id
        yield Container(name, {port: f"{host}:{running.get_exposed_port(port)}" for port in ports})


def bridge_address() -> str:
    """This machine's address in the network of its containers: not reachable for others, and not a loopback."""
    need_engine()
    settings = json.loads(run(DOCKER, "network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    # Docker omits the gateway if it is not configured; then it is the first address.
    return settings.get("Gateway") or str(ipaddress.ip_network(settings["Subnet"])[1])


def wait_for(registry: Registry) -> None:
    """Wait until the registry responds."""
    for _ in range(300):
        try:
            # With tokens the status is 401, and below a prefix 404.
            if registry.get("").status_code in (200, 401, 404):
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The registry at {registry.address} did not answer within 30 seconds.")

"""Real registries, in containers that only this machine can reach."""

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
# Where the container has the files of its folder.
FILES = "/files"
MANIFEST_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Login:
    user: str
    password: str

    @property
    def auth(self) -> AuthBase:
        # It would write texts as Latin-1.
        return HTTPBasicAuth(self.user.encode(), self.password.encode())

    def docker_config(self, *registries: str) -> bytes:
        """The `config.json` that `docker login REGISTRY` writes."""
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return json.dumps({"auths": {registry: {"auth": secret} for registry in registries}}).encode()


@dataclass(frozen=True)
class Registry:
    """`address`: host and port; plain HTTP, unless there is an `authority` to trust.

    With a `login` or a `client` certificate nothing is told to anybody else; `auth` is another way in. `beside` are
    the addresses of other ports of the container, by their numbers there, for those that share its network.
    """

    address: str
    login: Login | None = None
    authority: Path | None = None
    client: KeyPair | None = None
    auth: AuthBase | None = None
    container: str = ""
    beside: Mapping[int, str] = field(default_factory=dict)

    def get(self, path: str) -> requests.Response:
        """Ask for `/v2/PATH`, past every proxy that counts."""
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
    """Start a registry, for the time of a `with`; with a `login` it wants these.

    The container has the files of `folder` in `FILES`, and what is in `environment`. `storage`: a folder to keep its
    content in, which other registries may share. `authority`, `client` and `auth` are for those who ask it. `ports`:
    more of the container's to publish. `host`: this machine's address to publish them at.
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
    """One that runs; `addresses` of its published ports are on this machine, by their numbers inside."""

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
    """Run a container for the time of a `with`. `network_of`: another one, whose network it shares.

    `ports` of it are published at `host`, an address of this machine.
    """
    need_engine()
    with warnings.catch_warnings():
        # It warns of parts of itself, and takes long: tests without a container do without it.
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
    # Files that it writes into folders of this machine are then its user's.
    running.with_kwargs(user=f"{os.getuid()}:{os.getgid()}", **settings)
    with running:
        name = running.get_wrapped_container().id
        yield Container(name, {port: f"{host}:{running.get_exposed_port(port)}" for port in ports})


def bridge_address() -> str:
    """This machine's address in the network of its containers: nobody else's, and yet no loopback."""
    need_engine()
    settings = json.loads(run(DOCKER, "network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    # Docker does not say it where it was not told it; it is the first one then.
    return settings.get("Gateway") or str(ipaddress.ip_network(settings["Subnet"])[1])


def wait_for(registry: Registry) -> None:
    """Until it answers."""
    for _ in range(300):
        try:
            # With tokens it says 401, and below a prefix 404.
            if registry.get("").status_code in (200, 401, 404):
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The registry at {registry.address} did not answer within 30 seconds.")

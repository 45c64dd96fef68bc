"""Kinds of registries: the settings in `pants.toml`, the login, and the address for other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable
from urllib.parse import unquote

from requests import PreparedRequest
from requests.auth import AuthBase

from support.certificates import Authority
from support.commands import DOCKER, image_from, run
from support.nginx_container import UPSTREAM, nginx_beside
from support.registry_container import (
    FILES,
    LOOPBACK,
    Login,
    Registry,
    bridge_address,
    container,
    registry_container,
    wait_for,
)
from support.token_server import TokenServer

LOGIN = Login("robot", "pa55:wörd")
# Ports at which nginx listens in the container.
FRONT, BACK = 8080, 8081
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_LOG_LINE = re.compile(
    r'"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1[.][01]" (?P<status>\d+) \d+ "[^"]*" "(?P<agent>[^"]*)"'
)


@dataclass(frozen=True)
class Asked:
    """A request as the registry logged it."""

    method: str
    target: str
    status: int
    agent: str

    @property
    def completed_blob(self) -> str:
        """The digest of the blob whose upload this completed, or empty."""
        found = re.search("[?&]digest=([^&]+)", self.target) if self.method in ("PUT", "POST") else None
        return unquote(found[1]) if found and self.status == 201 else ""


@dataclass(frozen=True)
class Site:
    """A registry to publish images to.

    `table`: its `[oci.registries.…]`, including paths. `docker_config`: a folder with a `config.json`. `registry`:
    direct access, bypassing every proxy. `reading`: the address for docker, podman and skopeo.
    """

    address: str
    registry: Registry
    docker_config: Path
    table: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    reading: str = ""

    @property
    def option(self) -> str:
        """The argument that makes Pants publish here."""
        return f"--oci-registries={ {'site': {'address': self.address, 'default': True, **self.table}}!r}"

    def pulled_from(self, repository: str, tag: str = "latest") -> str:
        return f"{self.reading or self.address}/{repository}:{tag}"

    def log(self) -> tuple[Asked, ...]:
        """All requests so far, from the log of the registry."""
        lines = run(DOCKER, "logs", self.registry.container).splitlines()
        found = (_LOG_LINE.search(line) for line in lines)
        return tuple(
            Asked(line["method"], line["target"], int(line["status"]), line["agent"]) for line in found if line
        )


def _site(folder: Path, address: str, registry: Registry, reading: str = "", **table: Any) -> Site:
    config = folder / "docker"
    config.mkdir()
    names = {address, reading or address, registry.address}
    (config / "config.json").write_bytes(registry.login.docker_config(*names) if registry.login else b"{}")
    return Site(address, registry, config, table, reading)


@contextmanager
def plain(folder: Path) -> Iterator[Site]:
    with registry_container(folder / "files") as registry:
        yield _site(folder, registry.address, registry)


@contextmanager
def htpasswd(folder: Path) -> Iterator[Site]:
    with registry_container(folder / "files", LOGIN) as registry:
        yield _site(folder, registry.address, registry)


@contextmanager
def htpasswd_at(folder: Path, host: str) -> Iterator[Site]:
    """A registry with a password file at another address of this machine, which must be marked as one without TLS."""
    with registry_container(folder / "files", LOGIN, host=host) as registry:
        yield _site(folder, registry.address, registry, insecure=True)


@contextmanager
def token(folder: Path) -> Iterator[Site]:
    """A registry with a token server; each token is valid for a second."""
    with token_registry(folder, TokenServer(folder / "files", LOGIN.user, LOGIN.password, seconds=1)) as site:
        yield site


@contextmanager
def token_registry(folder: Path, tokens: TokenServer) -> Iterator[Site]:
    """A registry that trusts `tokens`, whose files are in `folder / "files"`."""
    with tokens.running():
        environment = tokens.registry_environment(f"{FILES}/{tokens.certificate.name}")
        with registry_container(folder / "files", environment=environment, auth=_TokenAuth(tokens)) as registry:
            site = _site(folder, registry.address, registry)
            (site.docker_config / "config.json").write_bytes(LOGIN.docker_config(site.address))
            yield site


class _TokenAuth(AuthBase):
    """Authentication by which the tests themselves can read everything."""

    def __init__(self, tokens: TokenServer) -> None:
        self._tokens = tokens

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        found = re.search("/v2/(.+)/(blobs|manifests|tags)/", str(request.url))
        scopes = (f"repository:{found[1]}:pull",) if found else ()
        request.headers["Authorization"] = f"Bearer {self._tokens.token(LOGIN.user, scopes)}"
        return request


@contextmanager
def own_authority(folder: Path) -> Iterator[Site]:
    authority = Authority(folder / "files")
    with registry_container(folder / "files", environment=_tls(authority), authority=authority.certificate) as registry:
        yield _site(folder, registry.address, registry, ca_file=str(authority.certificate))


@contextmanager
def client_certificates(folder: Path) -> Iterator[Site]:
    """A registry with client certificates. It is not at the loopback, where Docker's daemon sends none."""
    host = bridge_address()
    authority = Authority(folder / "files")
    client = authority.client()
    environment = {**_tls(authority, host), "REGISTRY_HTTP_TLS_CLIENTCAS": f"[{FILES}/{authority.certificate.name}]"}
    certificates = {"client_certificate": str(client.certificate), "client_key": str(client.key)}
    with registry_container(
        folder / "files", environment=environment, authority=authority.certificate, client=client, host=host
    ) as registry:
        yield _site(folder, registry.address, registry, ca_file=str(authority.certificate), **certificates)


def _tls(authority: Authority, host: str = LOOPBACK) -> Mapping[str, str]:
    server = authority.server(host)
    return {
        "REGISTRY_HTTP_TLS_CERTIFICATE": f"{FILES}/{server.certificate.name}",
        "REGISTRY_HTTP_TLS_KEY": f"{FILES}/{server.key.name}",
    }


@contextmanager
def body_limit(folder: Path) -> Iterator[Site]:
    """A registry behind nginx with its default limit: bodies above 1 MiB are too large."""
    with _behind_nginx(folder, f"location / {{ proxy_pass {UPSTREAM}; }}") as registry:
        front = registry.beside[FRONT]
        yield _site(folder, front, registry)


@contextmanager
def rate_limit(folder: Path) -> Iterator[Site]:
    """A registry with ten requests a second and a burst of five; on more, it asks the client to wait for a second."""
    zone = "limit_req_zone $binary_remote_addr zone=all:1m rate=10r/s; client_max_body_size 0;"
    location = f"""location / {{
      limit_req zone=all burst=5 nodelay;
      limit_req_status 429;
      add_header Retry-After 1 always;
      proxy_pass {UPSTREAM};
    }}"""
    with _behind_nginx(folder, location, zone) as registry:
        yield _site(folder, registry.beside[FRONT], registry, registry.address)


@contextmanager
def own_prefix(folder: Path, *, relative: bool = False) -> Iterator[Site]:
    """A registry that itself is below `/hub/`, with absolute URLs. docker and others do not support such a prefix."""
    reading = f"server {{ listen {BACK}; location /v2/ {{ proxy_pass {UPSTREAM}/hub/v2/; }} }}"
    location = f"location /hub/ {{ proxy_pass {UPSTREAM}; }}"
    environment = {"REGISTRY_HTTP_PREFIX": "/hub/", "REGISTRY_HTTP_RELATIVEURLS": str(relative).lower()}
    with _behind_nginx(folder, location, reading, environment) as registry:
        seen = Registry(registry.beside[BACK], container=registry.container)
        yield _site(folder, registry.beside[FRONT], seen, seen.address, path_prefix="/hub")


def lost_prefix(folder: Path) -> AbstractContextManager[Site]:
    """A registry below `/hub/` with relative URLs, in which it forgets its prefix."""
    return own_prefix(folder, relative=True)


@contextmanager
def proxy_prefix(folder: Path) -> Iterator[Site]:
    """A registry that nginx puts below `/team/hub/`, with relative URLs."""
    location = f"location /team/hub/ {{ proxy_pass {UPSTREAM}/; proxy_redirect / /team/hub/; absolute_redirect off; }}"
    environment = {"REGISTRY_HTTP_RELATIVEURLS": "true"}
    with _behind_nginx(folder, location, environment=environment) as registry:
        yield _site(folder, registry.beside[FRONT], registry, registry.address, path_prefix="/team/hub")


@contextmanager
def _behind_nginx(
    folder: Path, location: str, settings: str = "", environment: Mapping[str, str] = _NOTHING
) -> Iterator[Registry]:
    server = f"{settings}\nserver {{ listen {FRONT}; {location} }}"
    with (
        registry_container(folder / "files", environment=environment, ports=(FRONT, BACK)) as registry,
        nginx_beside(registry, folder / "nginx", server),
    ):
        yield registry


@contextmanager
def read_only(folder: Path, storage: Path) -> Iterator[Site]:
    """A read-only registry with the content of `storage`."""
    environment = {"REGISTRY_STORAGE_MAINTENANCE_READONLY": "{enabled: true}"}
    with registry_container(folder / "files", environment=environment, storage=storage) as registry:
        yield _site(folder, registry.address, registry)


@contextmanager
def pull_through(folder: Path) -> Iterator[tuple[Site, Site]]:
    """A registry, and a pull-through cache of it."""
    with registry_container(folder / "files", ports=(FRONT,)) as upstream:
        environment = {"REGISTRY_HTTP_ADDR": f":{FRONT}", "REGISTRY_PROXY_REMOTEURL": UPSTREAM}
        storage = folder / "copies"
        storage.mkdir()
        volumes = {storage: "/var/lib/registry"}
        image = image_from("TEST_REGISTRY_IMAGE")
        with container(image, environment, volumes, network_of=upstream.container) as mirror:
            mirrored = Registry(upstream.beside[FRONT], container=mirror.name)
            wait_for(mirrored)
            (folder / "mirror").mkdir()
            yield _site(folder, upstream.address, upstream), _site(folder / "mirror", mirrored.address, mirrored)


# All sites to publish to.
SITES: Mapping[str, Callable[[Path], AbstractContextManager[Site]]] = MappingProxyType(
    {
        "plain": plain,
        "htpasswd": htpasswd,
        "token": token,
        "own-authority": own_authority,
        "client-certificates": client_certificates,
        "body-limit": body_limit,
        "rate-limit": rate_limit,
        "own-prefix": own_prefix,
        "lost-prefix": lost_prefix,
        "proxy-prefix": proxy_prefix,
    }
)

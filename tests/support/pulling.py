"""Digests of images that other tools pull."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Callable

from support.commands import DOCKER, run
from support.sites import Site

# Docker's daemon looks here for certificates, in folders named after registries. It trusts registries at the loopback
# without one.
_DOCKER_CERTIFICATES = Path("/etc/docker/certs.d")


def pulled_by_skopeo(site: Site, image: str, folder: Path) -> str:
    run("skopeo", "copy", "--quiet", *_arguments(site, folder, "src-"), f"docker://{image}", f"dir:{folder / 'image'}")
    return f"sha256:{hashlib.sha256((folder / 'image/manifest.json').read_bytes()).hexdigest()}"


def pulled_by_podman(site: Site, image: str, folder: Path) -> str:
    run("podman", "pull", "--quiet", *_arguments(site, folder), image)
    try:
        return run("podman", "image", "inspect", "--format", "{{.Digest}}", image).strip()
    finally:
        run("podman", "image", "rm", "--force", image)


def pulled_by_docker(site: Site, image: str, folder: Path) -> str:
    with _daemon_knows(site):
        run(DOCKER, "--config", str(site.docker_config), "pull", "--quiet", image)
    try:
        names = run(DOCKER, "image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', image).split()
    finally:
        run(DOCKER, "image", "rm", "--force", image)
    (name,) = [name for name in names if name.startswith(image.rpartition(":")[0])]
    return name.partition("@")[2]


# Functions of a site, the image and an empty folder, which return the digest.
PULLERS: Mapping[str, Callable[[Site, str, Path], str]] = MappingProxyType(
    {"skopeo": pulled_by_skopeo, "podman": pulled_by_podman, "docker": pulled_by_docker}
)


def _arguments(site: Site, folder: Path, prefix: str = "") -> tuple[str, ...]:
    login = ("--authfile", str(site.docker_config / "config.json"))
    if not site.registry.authority:
        return (*login, f"--{prefix}tls-verify=false")
    _write_certificates(site, folder / "certificates")
    return (*login, f"--{prefix}cert-dir={folder / 'certificates'}")


def _write_certificates(site: Site, folder: Path) -> None:
    folder.mkdir(parents=True)
    if site.registry.authority:
        shutil.copy(site.registry.authority, folder / "ca.crt")
    if site.registry.client:
        shutil.copy(site.registry.client.certificate, folder / "client.cert")
        shutil.copy(site.registry.client.key, folder / "client.key")


@contextmanager
def _daemon_knows(site: Site) -> Iterator[None]:
    folder = _DOCKER_CERTIFICATES / site.address
    if site.registry.client:
        _write_certificates(site, folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)

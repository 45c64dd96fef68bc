"""Registries that deny access or writing: the error, and no change in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot, Result
from support.certificates import Authority, KeyPair
from support.registry_container import Login
from support.sites import (
    LOGIN,
    Site,
    client_certificates,
    htpasswd,
    own_authority,
    plain,
    pull_through,
    read_only,
    token,
)

pytestmark = pytest.mark.container

TWO = "team:push-two"


def publish(root: BuildRoot, site: Site, target: str = TWO, *, check: bool = False) -> Result:
    return root.pants(site.option, "publish", target, env={"DOCKER_CONFIG": str(site.docker_config)}, check=check)


def assert_refused(root: BuildRoot, site: Site, *parts: str, target: str = TWO) -> None:
    """Check that a publish fails with a logged error that begins with the target, and changes nothing."""
    before = len(site.log())
    result = publish(root, site, target)
    assert result.exit_code == 1, result
    reported = [line for line in result.stderr.splitlines() if f"[ERROR] {target}: " in line]
    assert reported, result
    for part in (f"{site.address}/team/", *parts):
        assert any(part in line for line in reported), f"{part} is not in {reported}"
    assert "Traceback" not in result.stdout + result.stderr, result
    changes = [a for a in site.log()[before:] if a.method not in ("GET", "HEAD") and a.status < 300]
    assert changes == []


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A registry with a certificate of its own authority, which requires a client certificate of it."""
    with client_certificates(tmp_path_factory.mktemp("closed")) as site:
        yield site


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "Another authority")


def files(pair: KeyPair) -> Mapping[str, str]:
    return {"client_certificate": str(pair.certificate), "client_key": str(pair.key)}


def test_an_unknown_authority(root: BuildRoot, closed: Site) -> None:
    assert_refused(root, replace(closed, table={}), "the certificate is not trusted", "`ca_file`")


def test_another_authority(root: BuildRoot, closed: Site, other: Authority) -> None:
    table = {**closed.table, "ca_file": str(other.certificate)}
    assert_refused(root, replace(closed, table=table), "the certificate is not trusted", "`ca_file`")


def test_no_client_certificate(root: BuildRoot, closed: Site) -> None:
    table = {"ca_file": closed.table["ca_file"]}
    assert_refused(root, replace(closed, table=table), "the client certificate is not accepted", "`client_certificate`")


def test_a_client_certificate_of_another_authority(root: BuildRoot, closed: Site, other: Authority) -> None:
    table = {**closed.table, **files(other.client())}
    assert_refused(root, replace(closed, table=table), "the client certificate is not accepted", "`client_certificate`")


@pytest.mark.parametrize(
    "table, parts",
    [
        pytest.param(
            {"ca_file": "no/such.pem"}, ["certificate authorities", "no/such.pem", "No such file"], id="ca-missing"
        ),
        pytest.param({"ca_file": "team/BUILD"}, ["certificate authorities", "team/BUILD", "PEM"], id="ca-not-pem"),
        pytest.param(
            {"client_certificate": "team/BUILD"}, ["client certificate", "team/BUILD", "PEM"], id="certificate"
        ),
    ],
)
def test_invalid_certificate_files(root: BuildRoot, closed: Site, table: dict[str, Any], parts: list[str]) -> None:
    assert_refused(root, replace(closed, table={**closed.table, **table}), *parts)


def test_plain_text_to_tls_on_this_machine(root: BuildRoot, tmp_path: Path) -> None:
    with own_authority(tmp_path) as site:
        assert_refused(root, replace(site, table={}), "400", "plain HTTP", "`ca_file`")


def test_tls_to_plain_text(root: BuildRoot, tmp_path: Path, other: Authority) -> None:
    with plain(tmp_path) as site:
        assert_refused(root, replace(site, table={"ca_file": str(other.certificate)}), "TLS failed", "plain HTTP")


@pytest.mark.parametrize("kind", [htpasswd, token], ids=["basic", "token"])
def test_passwords(kind: Any, root: BuildRoot, tmp_path: Path) -> None:
    with kind(tmp_path) as site:
        config = site.docker_config / "config.json"
        right = config.read_bytes()

        config.write_bytes(Login(LOGIN.user, "wrong").docker_config(site.address))
        assert_refused(root, site, "401", str(config), f"docker login {site.address}")
        config.unlink()
        assert_refused(root, site, "401", f'No credentials for "{site.address}"', f"docker login {site.address}")

        config.write_bytes(right)
        publish(root, site, check=True)
        assert site.registry.digest("team/two").startswith("sha256:")


def test_a_read_only_registry(root: BuildRoot, tmp_path: Path) -> None:
    for name in ("open", "closed", "storage"):
        (tmp_path / name).mkdir()
    with read_only(tmp_path / "closed", tmp_path / "storage") as site:
        assert_refused(root, site, "405", "read-only")


def test_a_read_only_registry_that_has_everything(root: BuildRoot, tmp_path: Path) -> None:
    """An unchanged image needs no permission to write."""
    with plain(tmp_path) as site:
        publish(root, site, check=True)
        digest = site.registry.digest("team/two")
        (tmp_path / "closed").mkdir()
        with read_only(tmp_path / "closed", tmp_path / "files/storage") as closed:
            result = publish(root, closed, check=True)
            assert "unchanged" in result.stderr

            root.write({"team/small.txt": "another\n"})
            assert_refused(root, closed, "405", "read-only")
            root.write({"team/small.txt": "small\n"})
            assert closed.registry.digest("team/two") == digest


def test_a_mirror(root: BuildRoot, tmp_path: Path) -> None:
    with pull_through(tmp_path) as (site, mirror):
        publish(root, site, check=True)
        assert "unchanged" in publish(root, mirror, check=True).stderr
        assert_refused(root, mirror, "405 UNSUPPORTED", "mirror of another registry", target="team:push-one")

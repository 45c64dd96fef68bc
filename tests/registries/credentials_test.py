"""Credentials of Docker and Podman, as `pants publish` finds them: files, helpers, identity tokens."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ocikit.testing.fake_registry import FakeRegistry
from support.build_root import BuildRoot, Result
from support.commands import run
from support.registry_container import Login

RIGHT, WRONG = Login("robot", "right"), Login("robot", "wrong")
NOTHING = '{"ServerURL":"","Username":"","Secret":""}'


@dataclass(frozen=True)
class Home:
    """A user's folders, programs and variables, for one run."""

    folder: Path
    # The folder of helpers is the same for all runs: with another PATH, Pants would build its tools again.
    programs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def docker(self, document: object) -> None:
        self._write("docker/config.json", document)
        self.environment["DOCKER_CONFIG"] = str(self.folder / "docker")

    def auth_file(self, document: object) -> None:
        self._write("auth.json", document)
        self.environment["REGISTRY_AUTH_FILE"] = str(self.folder / "auth.json")

    def podman(self, document: object) -> None:
        """Write the file of `podman login`."""
        self._write("run/containers/auth.json", document)
        self.environment["XDG_RUNTIME_DIR"] = str(self.folder / "run")

    def helper(self, name: str, answer: str, exit_code: int = 0) -> None:
        """Write a credential helper that returns `answer` for every `get`, and records its input."""
        program = self.programs / f"docker-credential-{name}"
        program.write_text(
            f"#!/bin/sh\n[ $1 = get ] || exit 9\ncat >>'{self.asked_of(name)}'; echo >>'{self.asked_of(name)}'\n"
            f"cat <<'END'\n{answer}\nEND\nexit {exit_code}\n"
        )
        program.chmod(0o755)
        self.environment["PATH"] = f"{self.programs}:{os.environ['PATH']}"

    def asked_of(self, name: str) -> Path:
        return self.folder / f"{name}-was-asked"

    def _write(self, name: str, document: object) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture
def home(tmp_path: Path, programs: Path) -> Iterator[Home]:
    yield Home(tmp_path, programs)
    for program in programs.iterdir():
        program.unlink()


def auths(login: Login, *names: str) -> Mapping[str, Any]:
    document: dict[str, Any] = json.loads(login.docker_config(*names))
    return document


def answer(login: Login) -> str:
    return json.dumps({"ServerURL": "x", "Username": login.user, "Secret": login.password})


def publish(root: BuildRoot, home: Home, registry: FakeRegistry, *options: str) -> Result:
    option = f"--oci-registries={ {'fake': {'address': registry.address, 'default': True}}!r}"
    return root.pants(option, *options, "publish", "team:push-two", env=home.environment, check=False)


def closed(kind: str = "basic") -> FakeRegistry:
    return FakeRegistry(auth=kind, username=RIGHT.user, password=RIGHT.password)


def assert_published(root: BuildRoot, home: Home, registry: FakeRegistry, *options: str) -> None:
    result = publish(root, home, registry, *options)
    assert result.exit_code == 0, result
    assert set(registry.repositories["team/two"].tags) == {"latest", "1.0"}


def assert_refused(root: BuildRoot, home: Home, registry: FakeRegistry, *parts: str) -> None:
    result = publish(root, home, registry)
    assert result.exit_code == 1, result
    reported = [line for line in result.stderr.splitlines() if "[ERROR] team:push-two: " in line]
    for part in parts:
        assert any(part in line for line in reported), f"{part} is not in {reported or result}"
    assert "Traceback" not in result.stderr, result


@pytest.mark.parametrize("place", [Home.docker, Home.auth_file, Home.podman], ids=["docker", "auth-file", "podman"])
@pytest.mark.parametrize("kind", ["basic", "token"])
def test_each_file(root: BuildRoot, home: Home, place: Any, kind: str) -> None:
    with closed(kind) as registry:
        place(home, auths(RIGHT, registry.address))
        assert_published(root, home, registry)


@pytest.mark.parametrize("name", ["{}", "http://{}", "https://{}/v2/", "{}/v1/"])
def test_each_way_to_write_a_registry(root: BuildRoot, home: Home, name: str) -> None:
    with closed() as registry:
        home.docker(auths(RIGHT, name.format(registry.address)))
        assert_published(root, home, registry)


def test_the_first_file_with_an_entry_counts(root: BuildRoot, home: Home) -> None:
    with closed() as registry:
        home.docker(auths(WRONG, "elsewhere.example"))
        home.auth_file(auths(RIGHT, registry.address))
        home.podman(auths(WRONG, registry.address))
        assert_published(root, home, registry)


def test_the_longest_path_counts(root: BuildRoot, home: Home) -> None:
    with closed() as registry:
        entries: dict[str, Any] = {}
        for login, name in ((WRONG, ""), (RIGHT, "/team/two"), (WRONG, "/team"), (WRONG, "/team/twofold")):
            entries.update(auths(login, registry.address + name)["auths"])
        home.podman({"auths": entries})
        assert_published(root, home, registry)


@pytest.mark.parametrize("place", [Home.docker, Home.podman], ids=["docker", "podman"])
def test_a_helper_of_its_own_before_the_general_one(root: BuildRoot, home: Home, place: Any) -> None:
    with closed() as registry:
        place(
            home, {"credHelpers": {registry.address: "own"}, "credsStore": "general", "auths": {registry.address: {}}}
        )
        home.helper("own", answer(RIGHT))
        home.helper("general", answer(WRONG))
        assert_published(root, home, registry)
        assert set(home.asked_of("own").read_text().split()) == {registry.address}
        assert not home.asked_of("general").exists()


def test_the_general_helper(root: BuildRoot, home: Home) -> None:
    with closed() as registry:
        home.docker({"credHelpers": {"elsewhere.example": "own"}, "credsStore": "general"})
        home.helper("general", answer(RIGHT))
        assert_published(root, home, registry)


def test_a_helper_where_only_the_user_looks(root: BuildRoot, home: Home) -> None:
    """A PEX starts with a PATH of its own, which can also be that of another run of Pants with the same caches."""
    with closed() as registry:
        home.docker({"credsStore": "general"})
        home.helper("general", answer(RIGHT))
        assert_published(root, home, registry, "--pex-executable-search-paths=['/usr/bin', '/bin']")


@pytest.mark.parametrize(
    "said, exit_code",
    [
        pytest.param("credentials not found in native keychain", 1, id="docker"),
        pytest.param(NOTHING, 0, id="pass"),
        pytest.param("no credentials server URL", 1, id="no-server"),
        pytest.param('{"Username": "robot", "Secret": ""}', 0, id="no-secret"),
    ],
)
def test_a_helper_without_credentials(root: BuildRoot, home: Home, said: str, exit_code: int) -> None:
    """The next place is searched."""
    with closed() as registry:
        home.docker({"credsStore": "general"})
        home.helper("general", said, exit_code)
        home.podman(auths(RIGHT, registry.address))
        assert_published(root, home, registry)
        assert home.asked_of("general").exists()


def test_no_credentials(root: BuildRoot, home: Home) -> None:
    with closed() as registry:
        home.docker({"credsStore": "general"})
        home.helper("general", NOTHING)
        assert_refused(root, home, registry, "401", f'No credentials for "{registry.address}"', "docker login")


@pytest.mark.parametrize(
    "said, exit_code, parts",
    [
        pytest.param("the vault is sealed", 1, ["exit code 1", '"the vault is sealed"'], id="fails"),
        pytest.param("not JSON", 0, ["docker-credential-general is not JSON"], id="says-something-else"),
        pytest.param('{"Username": 1, "Secret": "x"}', 0, ['no string "Username"'], id="another-type"),
    ],
)
def test_a_helper_that_fails(root: BuildRoot, home: Home, said: str, exit_code: int, parts: list[str]) -> None:
    with closed() as registry:
        home.docker({"credsStore": "general"})
        home.helper("general", said, exit_code)
        assert_refused(root, home, registry, "docker-credential-general", str(home.folder / "docker"), *parts)


def test_a_helper_that_is_missing(root: BuildRoot, home: Home) -> None:
    with closed() as registry:
        home.docker({"credsStore": "nowhere"})
        assert_refused(root, home, registry, '"docker-credential-nowhere", which is not on PATH', "Install it")


@pytest.fixture
def password_store(home: Home) -> Iterator[Home]:
    """A home with `docker-credential-pass`, which stores passwords in files encrypted with GnuPG."""
    programs = os.environ.get("TEST_CREDENTIAL_HELPERS") or pytest.fail("Set by ./test: TEST_CREDENTIAL_HELPERS.")
    # The names of pytest's folders are too long for the sockets of GnuPG.
    with tempfile.TemporaryDirectory() as folder:
        home.environment.update(GNUPGHOME=folder, PASSWORD_STORE_DIR=str(home.folder / "store"))
        home.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        new_key = ("--quick-gen-key", "test@example.invalid", "default", "default", "never")
        run("gpg", "--batch", "--quiet", "--passphrase", "", *new_key, env=home.environment)
        run(f"{programs}/pass", "init", "test@example.invalid", env=home.environment)
        yield home
        run("gpgconf", "--kill", "all", env=home.environment)


def test_a_real_helper(root: BuildRoot, password_store: Home) -> None:
    home, variables = password_store, "--oci-env-vars=['GNUPGHOME', 'PASSWORD_STORE_DIR']"
    with closed() as registry:
        home.docker({"credsStore": "pass"})
        refused = publish(root, home, registry, variables)
        assert refused.exit_code == 1
        assert f'No credentials for "{registry.address}"' in refused.stderr

        document = {"ServerURL": registry.address, "Username": RIGHT.user, "Secret": RIGHT.password}
        store = (f"{os.environ['TEST_CREDENTIAL_HELPERS']}/docker-credential-pass", "store")
        environment = {**os.environ, **home.environment}
        subprocess.run(store, input=json.dumps(document), text=True, env=environment, check=True)
        assert_published(root, home, registry, variables)


@pytest.mark.parametrize("from_helper", [False, True], ids=["file", "helper"])
def test_an_identity_token(root: BuildRoot, home: Home, from_helper: bool) -> None:
    with closed("token") as registry:
        registry.auth.identity_token = "identity"
        if from_helper:
            home.docker({"credHelpers": {registry.address: "cloud"}})
            home.helper("cloud", '{"ServerURL": "x", "Username": "<token>", "Secret": "identity"}')
        else:
            home.docker({"auths": {registry.address: {"identitytoken": "identity"}}})
        assert_published(root, home, registry)
        assert registry.count("^POST /token")


@pytest.mark.parametrize(
    "document, parts",
    [
        pytest.param([], ["config.json", "not a JSON object"], id="a-list"),
        pytest.param({"auths": {"{}": {"auth": "!"}}}, ["config.json", "base64", "docker login"], id="no-base64"),
    ],
)
def test_a_broken_file(root: BuildRoot, home: Home, document: Any, parts: list[str]) -> None:
    with closed() as registry:
        home.docker(json.loads(json.dumps(document).replace('{}"', f'{registry.address}"')))
        assert_refused(root, home, registry, *parts)

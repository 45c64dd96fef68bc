from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ocikit.errors import InvalidInput
from ocikit.registry.credential_helper import ask_helper
from ocikit.registry.credentials import DockerCredentials, config_files
from ocikit.registry.secret import Credentials, Secret


def _auth(user: str, password: str = "planted") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _found(document: Any, registry: str, path: str, folder: Path) -> Credentials | None:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "config.json").write_text(text)
    environ = {"DOCKER_CONFIG": str(folder), "PATH": str(folder)}
    return DockerCredentials(environ)(registry, path).credentials


@pytest.mark.parametrize(
    "key, registry, path, found",
    [
        pytest.param("https://index.docker.io/v1/", "docker.io", "a/b", True, id="hub-key"),
        pytest.param("index.docker.io", "docker.io", "a/b", True, id="hub-index"),
        pytest.param("docker.io", "docker.io", "", True, id="hub-name"),
        pytest.param("registry-1.docker.io", "docker.io", "a", True, id="hub-host"),
        pytest.param("ghcr.io", "ghcr.io", "a/b", True, id="host"),
        pytest.param("ghcr.io", "ghcr.io:443", "a", False, id="host-other-port"),
        pytest.param("https://ghcr.io", "ghcr.io", "a", True, id="scheme"),
        pytest.param("https://ghcr.io/v2/", "ghcr.io", "a", True, id="scheme-and-version"),
        pytest.param("http://r.example:5000/v1/", "r.example:5000", "", True, id="http"),
        pytest.param("ghcr.io/v2", "ghcr.io", "a", True, id="version-without-scheme"),
        pytest.param("ghcr.io/a", "ghcr.io", "a/b", True, id="parent-path"),
        pytest.param("ghcr.io/a/b", "ghcr.io", "a/b", True, id="whole-path"),
        pytest.param("ghcr.io/a/b", "ghcr.io", "a", False, id="deeper-path"),
        pytest.param("ghcr.io/a", "ghcr.io", "ab/c", False, id="prefix-is-not-a-path"),
        pytest.param("docker.io/library", "docker.io", "library/python", True, id="hub-path"),
        pytest.param("other.example", "ghcr.io", "a", False, id="other-host"),
    ],
)
def test_keys(key: str, registry: str, path: str, found: bool, tmp_path: Path) -> None:
    credentials = _found({"auths": {key: _auth("bob")}}, registry, path, tmp_path)
    assert credentials == (Credentials("bob", Secret("planted")) if found else None)


def test_the_most_specific_key_is_taken(tmp_path: Path) -> None:
    auths = {"r.example": _auth("host"), "r.example/a": _auth("a"), "r.example/a/b": _auth("ab")}
    for path, user in (("a/b/c", "ab"), ("a/x", "a"), ("x", "host"), ("", "host")):
        found = _found({"auths": auths}, "r.example", path, tmp_path)
        assert found and found.username == user


@pytest.mark.parametrize(
    "entry, expected",
    [
        pytest.param(_auth("bob", "a:b"), Credentials("bob", Secret("a:b")), id="colon-in-password"),
        pytest.param(_auth("bob", "a\0\0"), Credentials("bob", Secret("a")), id="padded-with-zeros"),
        pytest.param(_auth("bøb", "pæ"), Credentials("bøb", Secret("pæ")), id="utf-8"),
        pytest.param({"username": "bob", "password": "p"}, Credentials("bob", Secret("p")), id="in-clear"),
        pytest.param(
            {**_auth("bob", ""), "identitytoken": "t"},
            Credentials("bob", Secret(""), Secret("t")),
            id="identity-token",
        ),
        pytest.param({}, None, id="empty-as-docker-login-writes-with-a-helper"),
        pytest.param({"auth": ""}, None, id="empty-auth"),
        pytest.param({"auth": None, "identitytoken": None}, None, id="null"),
        pytest.param(None, None, id="entry-null"),
        pytest.param(
            {"auth": base64.encodebytes(b"bob:" + b"p" * 100).decode().replace("\n", "\r\n")},
            Credentials("bob", Secret("p" * 100)),
            id="wrapped-base64",
        ),
    ],
)
def test_entries(entry: Any, expected: Credentials | None, tmp_path: Path) -> None:
    assert _found({"auths": {"r.example": entry}}, "r.example", "a", tmp_path) == expected


@pytest.mark.parametrize(
    "document, text",
    [
        pytest.param('{"auths": planted', "is not JSON", id="not-json"),
        pytest.param('["planted"]', "is not a JSON object but list", id="list"),
        pytest.param({"auths": ["planted"]}, 'expected "auths" to be a JSON object', id="auths-list"),
        pytest.param({"auths": {"r.example": "planted"}}, "is not an object", id="entry-text"),
        pytest.param({"auths": {"r.example": {"auth": 5}}}, "is not an object", id="auth-number"),
        pytest.param({"auths": {"r.example": {"auth": "%planted%"}}}, "is not base64", id="not-base64"),
        pytest.param({"auths": {"r.example": {"password": "planted\ud800"}}}, "lone surrogate", id="surrogate"),
        pytest.param({"auths": {"r.example": {"planted\udfff": 1}}}, "lone surrogate", id="surrogate-in-a-key"),
        pytest.param(
            {"auths": {"r.example": {"auth": base64.b64encode(b"planted").decode()}}},
            "no colon",
            id="no-colon",
        ),
        pytest.param({"credsStore": ["planted"]}, "name of a credential helper", id="store-list"),
        pytest.param({"credsStore": "missing"}, "docker-credential-missing", id="no-helper"),
        pytest.param({"credsStore": "../x"}, "docker-credential-../x", id="helper-is-a-path"),
    ],
)
def test_broken_files(document: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        _found(document, "r.example", "a", tmp_path)
    assert text in str(raised.value)
    assert str(tmp_path / "config.json") in str(raised.value)
    if text != "name of a credential helper":
        assert "planted" not in str(raised.value)


@pytest.mark.parametrize(
    "environ, expected",
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"HOME": "/h"}, ["/h/.docker/config.json"], id="home"),
        pytest.param(
            {
                "HOME": "/h",
                "DOCKER_CONFIG": "/d",
                "REGISTRY_AUTH_FILE": "/a.json",
                "XDG_RUNTIME_DIR": "/x",
            },
            ["/d/config.json", "/a.json", "/x/containers/auth.json"],
            id="all",
        ),
    ],
)
def test_config_files(environ: dict[str, str], expected: Any) -> None:
    assert list(map(str, config_files(environ))) == expected


def test_files_are_searched_in_order(tmp_path: Path) -> None:
    podman = tmp_path / "auth.json"
    podman.write_text(json.dumps({"auths": {"r.example": _auth("podman")}}))
    environ = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(podman)}
    lookup = DockerCredentials(environ)("r.example", "a")
    assert lookup.credentials and lookup.credentials.username == "podman"
    assert lookup.places == str(podman)
    nothing = DockerCredentials(environ)("other.example", "a")
    assert nothing.credentials is None
    assert nothing.places == f"{tmp_path}/.docker/config.json, {podman}"


def _helper(folder: Path, name: str, script: str) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\nread server\necho "$1 $server" >> {folder}/asked\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    "script, expected",
    [
        pytest.param(
            """echo '{"ServerURL":"x","Username":"bob","Secret":"s"}'""",
            Credentials("bob", Secret("s")),
            id="user-and-password",
        ),
        pytest.param(
            """echo '{"Username":"<token>","Secret":"s"}'""",
            Credentials("", Secret(""), Secret("s")),
            id="identity-token",
        ),
        pytest.param("""echo '{"Username":"","Secret":""}'""", None, id="empty"),
        pytest.param("echo credentials not found in native keychain; exit 1", None, id="not-found"),
        pytest.param("echo the keychain is locked; exit 3", "keychain is locked", id="fails"),
        pytest.param('echo \'{"Secret":"planted"}\'; exit 3', "exit code 3", id="fails-with-secret"),
        pytest.param("echo planted", "is not JSON", id="not-json"),
        pytest.param(r"""printf '%s' '{"Secret":"planted\ud800"}'""", "lone surrogate", id="surrogate"),
        pytest.param("""echo '{"Username":1,"Secret":"planted"}'""", "no string", id="not-a-string"),
    ],
)
def test_helpers(script: str, expected: Any, tmp_path: Path) -> None:
    _helper(tmp_path, "test", script)
    document = {"credHelpers": {"r.example": "test"}, "credsStore": "missing"}
    if isinstance(expected, str):
        with pytest.raises(InvalidInput, match=expected) as raised:
            _found(document, "r.example", "a", tmp_path)
        assert "planted" not in str(raised.value)
    else:
        assert _found(document, "r.example", "a", tmp_path) == expected


def test_a_failing_helper_does_not_reveal_its_environment(tmp_path: Path) -> None:
    _helper(tmp_path, "test", 'printf "%s is %s\\n\\033[31m" "$VALUE" "$(printf %s "$VALUE" | base64)"; exit 1')
    (tmp_path / "config.json").write_text('{"credsStore":"test"}')
    environ = {
        "DOCKER_CONFIG": str(tmp_path),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "VALUE": "planted-value",
    }
    with pytest.raises(InvalidInput) as raised:
        DockerCredentials(environ)("r.example", "a")
    assert r'and said "[secret] is [secret]== \x1b[31m"' in str(raised.value)


@pytest.mark.parametrize("document", ['{"credsStore": {"planted": 1}}', '{"credHelpers": {"r.example": ["planted"]}}'])
def test_contents_of_files_are_not_quoted(document: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(document)
    with pytest.raises(InvalidInput) as raised:
        DockerCredentials({"DOCKER_CONFIG": str(tmp_path)})("r.example", "a")
    assert "planted" not in str(raised.value)


@pytest.mark.parametrize(
    "registry, asked",
    [("docker.io", "https://index.docker.io/v1/"), ("ghcr.io", "ghcr.io")],
)
def test_a_helper_is_asked_once_per_registry(registry: str, asked: str, tmp_path: Path) -> None:
    _helper(tmp_path, "test", """echo '{"Username":"bob","Secret":"s"}'""")
    (tmp_path / "config.json").write_text('{"credsStore":"test"}')
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    find = DockerCredentials({"DOCKER_CONFIG": str(tmp_path), "PATH": path})
    assert find(registry, "a") == find(registry, "b")
    assert "docker-credential-test" in find(registry, "").places
    assert (tmp_path / "asked").read_text() == f"get {asked}\n"


def test_the_file_is_read_if_the_helper_has_nothing(tmp_path: Path) -> None:
    _helper(tmp_path, "test", "echo credentials not found in native keychain; exit 1")
    document = {"credsStore": "test", "auths": {"r.example": _auth("bob")}}
    found = _found(document, "r.example", "a", tmp_path)
    assert found and found.username == "bob"


def test_secrets_do_not_show() -> None:
    credentials = Credentials("bob", Secret("planted"), Secret("planted too"))
    shown = f"{credentials} {credentials!r} {credentials.password} {[credentials.password]}"
    assert "planted" not in shown
    assert credentials.basic().reveal() == "Basic Ym9iOnBsYW50ZWQ="


def test_a_helper_that_fails_is_started_once(tmp_path: Path) -> None:
    """It may take a minute to fail, and every image of a run needs credentials."""
    _helper(tmp_path, "broken", f"echo called >> {tmp_path}/calls; exit 3")
    (tmp_path / "config.json").write_text('{"credsStore": "broken"}')
    find = DockerCredentials({"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path)})
    for number in range(3):
        with pytest.raises(InvalidInput, match="failed with exit code 3"):
            find("r.example", f"shop/web-{number}")
    assert (tmp_path / "calls").read_text() == "called\n"


@pytest.mark.parametrize(
    "script, text",
    [
        ("exec sleep 60", "did not answer within 0.2 seconds"),
        ("exec >&- 2>&-; sleep 60", "did not end within 0.2 seconds"),
        ("yes", "printed more than 1048576 bytes"),
    ],
)
def test_a_helper_that_does_not_end(tmp_path: Path, script: str, text: str) -> None:
    _helper(tmp_path, "slow", script)
    seconds = 20 if "more" in text else 0.2
    with pytest.raises(InvalidInput, match=f"^expected an answer from .*/docker-credential-slow, but it {text}"):
        ask_helper("slow", "r.example", {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, "config.json", seconds)


def test_a_helper_that_leaves_something_running(tmp_path: Path) -> None:
    _helper(tmp_path, "agent", """sleep 5 & echo '{"Username": "u", "Secret": "s"}'""")
    found = ask_helper("agent", "r.example", {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, "config.json", 3)
    assert found
    assert (found.username, found.password.reveal()) == ("u", "s")


def test_an_empty_file_counts_as_missing(tmp_path: Path) -> None:
    assert _found("", "r.example", "a", tmp_path) is None
    assert DockerCredentials({"REGISTRY_AUTH_FILE": os.devnull})("r.example", "a").credentials is None

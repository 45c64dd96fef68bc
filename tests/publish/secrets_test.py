"""Secrets are neither in the files and output of Pants and its processes, nor visible in process lists."""

from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import pytest

from ocikit.testing.fake_auth import FakeAuth
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal
from support.base_images import add_image
from support.build_root import BuildRoot, Result
from support.sites import client_certificates
from support.traces import ProcessWatch, Sighting, Traces, told

HELPER = "docker-credential-planted"
# Takes its password from its environment or from a file, and runs long enough to be seen.
_HELPER = """\
#!/bin/sh
read -r server
env -i sleep 0.3
printf '{"ServerURL": "%s", "Username": "robot", "Secret": "%s"}' "$server" "${PLANTED:-$(cat "$PLANTED_FILE")}"
"""


@dataclass(frozen=True)
class Planted:
    """Secret `texts` that must not be found, and the environment and options that pass them to a run."""

    texts: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def every_encoding(self) -> str:
        """The secrets that registries and token servers know, in every encoding."""
        return " ".join(told(text) for name, text in self.texts.items() if name != "password of the proxy")


def _new() -> str:
    return f"planted-{secrets.token_hex(8)}"


def _write_config(folder: Path, document: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(document))


def basic(registry: FakeRegistry, folder: Path) -> Planted:
    """A password in the file, as `docker login` writes it."""
    password = _new()
    registry.auth = FakeAuth("basic", "robot", password, anonymous_pull=False)
    login = base64.b64encode(f"robot:{password}".encode()).decode()
    _write_config(folder, {"auths": {registry.address: {"auth": login}}})
    return Planted({"password": password, "login": login})


def token(registry: FakeRegistry, folder: Path) -> Planted:
    """The same password, for a registry that requires a token."""
    planted = basic(registry, folder)
    registry.auth = FakeAuth("token", "robot", planted.texts["password"], anonymous_pull=False)
    return planted


def identity_token(registry: FakeRegistry, folder: Path) -> Planted:
    text = _new()
    registry.auth = FakeAuth("token", "robot", _new(), anonymous_pull=False)
    registry.auth.identity_token = text
    _write_config(folder, {"auths": {registry.address: {"identitytoken": text}}})
    return Planted({"identity token": text})


def helper(registry: FakeRegistry, folder: Path) -> Planted:
    """A credential helper that reads its secret from a file; a variable names the file."""
    planted = basic(registry, folder)
    (folder / "secret").write_text(planted.texts["password"])
    _write_config(folder, {"credHelpers": {registry.address: "planted"}})
    variables = {"PLANTED_FILE": str(folder / "secret")}
    return Planted(planted.texts, variables, ("--oci-env-vars=PLANTED_FILE",))


def helper_with_a_variable(registry: FakeRegistry, folder: Path) -> Planted:
    """A credential helper that takes its secret from the environment, as the helpers of clouds do."""
    planted = token(registry, folder)
    _write_config(folder, {"credsStore": "planted"})
    return Planted(planted.texts, {"PLANTED": planted.texts["password"]}, ("--oci-env-vars=PLANTED",))


def proxy(registry: FakeRegistry, folder: Path) -> Planted:
    """A proxy's address with a password, in one of the variables that are always passed on."""
    planted = basic(registry, folder)
    password = _new()
    texts = {**planted.texts, "password of the proxy": password}
    return Planted(texts, {"HTTPS_PROXY": f"http://robot:{password}@proxy.invalid:3128"})


KINDS: tuple[Callable[[FakeRegistry, Path], Planted], ...] = (
    basic,
    token,
    identity_token,
    helper,
    helper_with_a_variable,
    proxy,
)


_ON_A_BASE = """\
oci_base(name="base", image="{address}/base:1", digest="{digest}")
oci_image(name="image", base=":base", dependencies=["//:file"])
oci_push(name="push", image=":image", image_tags=["on-a-base"])
"""


@dataclass(frozen=True)
class Place:
    """Pants writes only below `folder`; the files of the tests are in `private`."""

    folder: Path
    private: Path
    root: BuildRoot

    def publish(self, *options: str, env: Mapping[str, str], check: bool = True) -> Result:
        stores = [
            f"--{name}={self.folder / name}"
            for name in ("local-store-dir", "named-caches-dir", "local-execution-root-dir")
        ]
        reports = (f"--publish-output={self.folder / 'published.json'}", f"--oci-report={self.folder / 'report.json'}")
        arguments = (*stores, *reports, *options, "--keep-sandboxes=always", "-ldebug", "publish", "::")
        path = f"{self.private}:{os.environ['PATH']}"
        return self.root.pants(*arguments, env={"PATH": path, **env}, check=check)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, private = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("private")
    (folder / "local-execution-root-dir").mkdir()
    (private / HELPER).write_text(_HELPER)
    (private / HELPER).chmod(0o755)
    with BuildRoot(folder / "root") as root:
        root.write({"BUILD": 'oci_image(name="image", dependencies=[":file"])\nfile(name="file", source="file")\n'})
        root.write({"push/BUILD": 'oci_push(name="push", image="//:image", image_tags=["{env.TAG}"])\n'})
        root.write({"file": "content\n"})
        place = Place(folder, private, root)
        place.publish("--oci-registries={'first': {'address': 'oci:dist/first', 'default': True}}", env={"TAG": "1"})
        # A daemon runs now, with an environment that is not that of any test; the tools are cached.
        yield place


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_secret_is_left_behind(kind: Callable[[FakeRegistry, Path], Planted], place: Place) -> None:
    control = f"control-{secrets.token_hex(8)}"
    # No file is older than the secrets in it. The clock of the file system may be slightly behind.
    since = time.time() - 1
    with FakeRegistry() as registry:
        planted = kind(registry, place.private / kind.__name__)
        options = (
            f"--oci-registries={ {'fake': {'address': registry.address, 'default': True, 'repository': control}}!r}",
            *planted.options,
        )
        env = {"DOCKER_CONFIG": str(place.private / kind.__name__), "TAG": control, **planted.environment}
        on_a_base = _ON_A_BASE.format(address=registry.address, digest=add_image(registry, "base").descriptor.digest)
        place.root.write({"file": kind.__name__, "closed/BUILD": on_a_base})
        with ProcessWatch({**planted.texts, "control": control}).running() as watch:
            results = [place.publish(*options, env=env), place.publish(*options, env=env)]
            # The registry repeats the secrets that it received in a warning and in an error response.
            echo = json.dumps({"errors": [{"code": "DENIED", "message": f"you are {planted.every_encoding}"}]})
            refused = Refusal("PUT .*/manifests/", 403, body=echo.encode())
            registry.faults = Faults(refusals=(refused,), warning=f"heard {planted.every_encoding}".replace("\\", ""))
            place.root.write({"file": f"{kind.__name__} again"})
            results.append(place.publish(*options, env=env, check=False))
        (place.root.path / "closed/BUILD").unlink()
        headers = {request.headers.get("authorization", "").partition(" ")[2] for request in registry.requests}
    assert [result.exit_code for result in results] == [0, 0, 1], results
    assert "DENIED" in results[2].stderr and "you are [secret]" in results[2].stderr
    assert "heard [secret]" in results[2].stderr
    assert registry.repositories[control].tags

    # Credentials on the wire are secret too, among them tokens that the registry issued.
    wire = {f"authorization {number}": text for number, text in enumerate(sorted(headers - {""}))}
    assert wire
    traces = Traces({**planted.texts, **wire})
    assert traces.in_bytes("".join(map(str, results)).encode()) == set()
    assert traces.in_files(place.folder, since) == {}
    assert _unexpected(watch, planted) == []

    _assert_that_the_control_is_found(control, place, since, results, watch)


@pytest.mark.container
def test_a_client_key_stays_where_it_is(place: Place, tmp_path: Path) -> None:
    since = time.time() - 1
    place.root.write({"file": "for a closed registry"})
    with client_certificates(tmp_path) as site:
        key = Path(site.table["client_key"])
        # PEM parsers ignore text before the first block.
        mark = _new()
        key.write_text(f"{mark}\n{key.read_text()}")
        texts = {"mark": mark, "key": key.read_text().splitlines()[2]}
        with ProcessWatch(texts).running() as watch:
            result = place.publish(site.option, env={"TAG": "1"})
        (row,) = json.loads((place.folder / "report.json").read_text())["references"]
        assert site.registry.digest("push", "1") == row["digest"]
    assert Traces(texts).in_bytes(str(result).encode()) == set()
    assert Traces(texts).in_files(place.folder, since) == {}
    assert watch.sightings == set()
    assert Traces({"path": str(key)}).in_files(place.folder, since)


def _unexpected(watch: ProcessWatch, planted: Planted) -> list[Sighting]:
    """Processes with a secret, except Pants's client, whose environment the user set, and the credential helper."""
    seen = {sighting for sighting in watch.sightings if sighting.name != "control"}
    if not planted.environment:
        return list(seen)
    helpers = {sighting for sighting in seen if any(HELPER in command for command in sighting.commands)}
    own = {sighting for sighting in seen if sighting.place == "environment" and sighting.ours}
    # The search works: it finds the secret in the user's own processes and in the helper.
    if set(planted.environment.values()) & set(planted.texts.values()):
        assert own and helpers
    return list(seen - own - {sighting for sighting in helpers if sighting.place == "environment"})


def _assert_that_the_control_is_found(
    control: str, place: Place, since: float, results: list[Result], watch: ProcessWatch
) -> None:
    """Check that the same searches find a text that is not secret."""
    traces = Traces({"control": control})
    for result in results:
        assert traces.in_bytes(result.stderr.encode())
    found = list(traces.in_files(place.folder, since))
    for where in ("local-store-dir/", "root/.pants.d/", "local-execution-root-dir/", "published.json", "report.json"):
        assert any(name.startswith(where) for name in found), f"{where}: {found}"
    for where in ("arguments", "environment"):
        assert any(s.place == where and s.name == "control" for s in watch.sightings), where
    for command in ("base", "survey", "publish"):
        assert any(f"{command} request.json" in seen for seen in watch.commands), command


WRITTEN = [
    pytest.param(lambda text: text, id="plain"),
    pytest.param(lambda text: b"\n" + text + b"\0", id="in-a-binary"),
    pytest.param(base64.b64encode, id="base64"),
    pytest.param(lambda text: base64.b64encode(b"robot:" + text), id="base64-behind-6-bytes"),
    pytest.param(lambda text: base64.b64encode(b"a:" + text + b"!"), id="base64-behind-2-bytes"),
    pytest.param(lambda text: base64.urlsafe_b64encode(b"user:+" + text), id="base64-for-addresses"),
    pytest.param(lambda text: base64.b64encode(b"user:" + text).lower(), id="base64-in-lower-case"),
    pytest.param(lambda text: text.decode().upper().encode(), id="upper-case"),
    pytest.param(lambda text: b"".join(b"%%%02X" % octet for octet in text), id="percent"),
    pytest.param(lambda text: b"".join(b"%%25%02x" % octet for octet in text), id="percent-twice"),
    pytest.param(lambda text: "".join(f"&#{ord(letter)};" for letter in text.decode()).encode(), id="html"),
    pytest.param(lambda text: json.dumps(text.decode()).encode(), id="json"),
    pytest.param(lambda text: text.hex().encode(), id="hexadecimal"),
    pytest.param(lambda text: text.decode().encode("utf-16"), id="utf-16"),
    pytest.param(lambda text: b"\x78\x9c..." + zlib.compress(b"before " * 99 + text) + b"after", id="zlib"),
    pytest.param(lambda text: os.urandom(999) + gzip.compress(base64.b64encode(b"\0" + text)), id="gzip-of-base64"),
]


@pytest.mark.parametrize("write", WRITTEN)
def test_the_search_finds_every_encoding(write: Callable[[bytes], bytes], tmp_path: Path) -> None:
    text = f"{_new()}/ö"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(write(text.encode()))
    (tmp_path / "other").write_bytes(write(_new().encode()))
    assert list(Traces({"secret": text}).in_files(tmp_path)) == ["folder/file"]

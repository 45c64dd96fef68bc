from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ocikit.cli.main import COMMANDS, main
from ocikit.registry.client import RegistryClient
from ocikit.registry.repository import RegistryRepository
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.spec.reference import parse_repository
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import FakeRegistry, Faults, Refusal


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a directory "app" to build from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "empty").mkdir()
    (tmp_path / "app" / "sub" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "app" / "sub" / "run").chmod(0o700)
    (tmp_path / "app" / "link").symlink_to("sub/run")
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    output = capsys.readouterr()
    return code, output.out, output.err


def _build(capsys: pytest.CaptureFixture[str], output: str, *arguments: str) -> str:
    plain = ("--layer", "app=/srv/app", "--compression", "none", *arguments)
    code, out, err = _run(capsys, "build", "-o", output, *plain)
    assert (code, err) == (0, "")
    return out.strip()


def _manifest(layout: Layout, digest: str) -> Manifest:
    manifest = layout.fetch_manifest(digest)
    assert isinstance(manifest, Manifest)
    return manifest


def test_build_and_inspect(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = """--entrypoint /srv/app/link --entrypoint serve --arg=-v --env A=b=c --label x=y --user 1:2
        --workdir /srv --port 80 --port 53/udp --volume /data --stop-signal SIGINT --annotation t=u
        --platform linux/arm64"""
    digest = _build(capsys, "oci:out:1.0", *settings.split())
    code, out, _ = _run(capsys, "inspect", "oci:out:1.0")
    assert code == 0
    layer = out.splitlines()[-1].split()
    assert layer[3:] == ["B", "ocikit", "build", "/srv/app"] or layer[2] == "kB"
    assert out.splitlines()[:-2] == [
        "oci:out:1.0",
        f"digest      {digest}",
        "type        application/vnd.oci.image.manifest.v1+json",
        "annotation  t=u",
        "platform    linux/arm64",
        "created     1970-01-01T00:00:00Z",
        'entrypoint  ["/srv/app/link", "serve"]',
        'args        ["-v"]',
        "workdir     /srv",
        "user        1:2",
        "ports       53/udp, 80/tcp",
        "volumes     /data",
        "stop signal SIGINT",
        "env         A=b=c",
        "label       x=y",
    ]


def test_inspect_as_json(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = _build(capsys, "oci:out")
    _, out, _ = _run(capsys, "inspect", "--json", "oci:out")
    document = json.loads(out)
    assert (document["reference"], document["digest"]) == ("oci:out", digest)
    assert document["manifest"]["schemaVersion"] == 2
    assert document["config"]["architecture"] == "amd64"


def test_inspect_shows_the_largest_files(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _build(capsys, "oci:out")
    _, out, _ = _run(capsys, "inspect", "--files", "1", "oci:out")
    assert out.splitlines()[-2:] == ["largest files", "       10 B  /srv/app/sub/run  ocikit build /srv/app"]
    document = json.loads(_run(capsys, "inspect", "--json", "--files", "1", "oci:out")[1])
    assert [(file["path"], file["layer"]) for file in document["files"]] == [("/srv/app/sub/run", 0)]


def test_diff(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _build(capsys, "oci:out:1", "--user", "1")
    assert _run(capsys, "diff", "oci:out:1", "oci:out:1")[1].endswith(f": nothing differs ({before})\n")
    after = _build(capsys, "oci:out:2", "--user", "2", "--owner", "7")
    code, out, _ = _run(capsys, "diff", "--json", "oci:out:1", "oci:out:2")
    document = json.loads(out)
    assert (code, document["previous"], document["digest"]) == (0, before, after)
    assert document["config"] == [{"key": "config.User", "before": "1", "after": "2"}]
    changed = {file["after"]["path"]: file["after"]["owner"] for file in document["files"]["changed"]}
    assert changed["/srv/app/sub/run"] == "7:7"


def test_layers_that_both_images_share_are_not_read(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = _build(capsys, "oci:out:base")
    for tag in ("1", "2"):
        (tree / "more").mkdir(exist_ok=True)
        (tree / "more/file").write_text(tag)
        build = ("build", "-o", f"oci:out:{tag}", "--base", f"oci:out@{base}", "--layer", f"{tree}/more=/more")
        assert _run(capsys, *build)[0] == 0
    layout = Layout("out")
    Path(layout.blob_path(_manifest(layout, base).layers[0].digest)).unlink()
    code, out, err = _run(capsys, "diff", "oci:out:1", "oci:out:2")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [
        "files       0 removed, 0 added, 1 changed",
        "  ~       1 B  /more/file  (content)",
    ]


def test_the_layer_holds_the_directory(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = _build(capsys, "oci:out", "--owner", "7")
    layout = Layout("out")
    manifest = _manifest(layout, digest)
    with tarfile.open(layout.blob_path(manifest.layers[0].digest)) as tar:
        found = [(m.name, oct(m.mode), m.uid, m.linkname) for m in tar.getmembers()]
    assert found == [
        ("srv", "0o755", 0, ""),
        ("srv/app", "0o755", 7, ""),
        ("srv/app/empty", "0o755", 7, ""),
        ("srv/app/link", "0o777", 7, "sub/run"),
        ("srv/app/sub", "0o755", 7, ""),
        ("srv/app/sub/run", "0o755", 7, ""),
    ]


def test_build_on_a_base(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _build(capsys, "oci:base", "--entrypoint", "/a", "--user", "1")
    _build(capsys, "oci:out", "--base", "oci:base:latest", "--user", "2")
    _, out, _ = _run(capsys, "inspect", "--json", "oci:out")
    document = json.loads(out)
    assert len(document["manifest"]["layers"]) == 2
    assert document["config"]["config"] == {"Entrypoint": ["/a"], "User": "2"}
    assert _run(capsys, "verify", "oci:out")[0] == 0


def test_copy_between_layouts(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = _build(capsys, "oci:one:1")
    assert _run(capsys, "copy", "oci:one", "oci:two") == (0, f"{digest}\n", "")
    assert _run(capsys, "copy", "oci:one:1", "oci:three") == (0, f"{digest}\n", "")
    assert _run(capsys, "copy", f"oci:one@{digest}", "oci:four:x") == (0, f"{digest}\n", "")
    assert _run(capsys, "copy", "oci:one", f"oci:five@{digest}") == (0, f"{digest}\n", "")
    tags = [Layout(path).tags() for path in ("two", "three", "four", "five")]
    assert tags == [("latest",), ("1",), ("x",), ()]


def test_a_copy_to_another_digest_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _build(capsys, "oci:one:1")
    code, _, err = _run(capsys, "copy", "oci:one", f"oci:two@{Digest.of(b'')}")
    assert code == 1
    assert "cannot be written: the image has the digest sha256:" in err
    assert not Path("two").exists()


def test_push_and_copy_back(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = _build(capsys, "oci:out:1")
    with FakeRegistry() as registry:
        host = registry.address
        assert _run(capsys, "push", "out", f"{host}/acme/web") == (0, f"{digest}\n", "")
        assert _run(capsys, "push", "oci:out:1", f"{host}/acme/web:2")[0] == 0
        assert _run(capsys, "copy", f"{host}/acme/web:2", "oci:back") == (0, f"{digest}\n", "")
        assert _run(capsys, "verify", f"{host}/acme/web")[0] == 0
        with RegistryClient(host) as client:
            store = RegistryRepository(client, parse_repository(f"{host}/acme/web"))
            assert [bool(store.resolve(tag)) for tag in ("latest", "1", "2")] == [True, False, True]
    assert Layout("back").tags() == ("2",)


def test_a_long_push_reports_progress(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocikit.progress.FIRST_SECONDS", 1.0)
    _build(capsys, "oci:out:1.0")
    busy = Refusal("/blobs/uploads", 429, times=1, headers=(("Retry-After", "2"),))
    with FakeRegistry(faults=Faults(refusals=(busy,))) as registry:
        code, _, err = _run(capsys, "push", "out:1.0", f"{registry.address}/team/app:1.0")
    assert code == 0
    # The registry asks for two seconds, and the client adds up to one: there may be a second line.
    said = rf"ocikit: Copied 0 of 2 blobs; .* sent(, .*/s)?; waiting for {registry.address}"
    assert re.fullmatch(rf"{said}, [12] s\n({said}, [23] s\n)?", err)


def test_verify_lists_every_problem(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digests = [_build(capsys, f"oci:out:{n}", "--user", n) for n in ("1", "2")]
    assert _run(capsys, "verify", "oci:out") == (0, "oci:out: ok\n", "")
    layout = Layout("out")
    configs = [_manifest(layout, digest).config.digest for digest in digests]
    for config in configs:
        Path(layout.blob_path(config)).write_text("damaged")
    code, out, err = _run(capsys, "verify", "oci:out")
    assert (code, err) == (1, "")
    assert len(out.splitlines()) == 2
    assert all(str(config) in out for config in configs)
    assert len(_run(capsys, "verify", "oci:out:1")[1].splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        pytest.param("inspect oci:nope", '"oci:nope" holds no image', id="no-layout"),
        pytest.param("inspect oci:", '"oci:" names no directory', id="no-path"),
        pytest.param("inspect oci:a:.b", '".b" is not a tag', id="not-a-tag"),
        pytest.param("inspect oci:a@b", '"b" is not a digest', id="not-a-digest"),
        pytest.param("inspect A/b:c:d", '"c:d" is not a tag', id="not-a-reference"),
        pytest.param("verify oci:nope:x", '"oci:nope:x" does not exist', id="verify-nothing"),
        pytest.param("copy oci:nope:x oci:y", '"oci:nope:x" does not exist', id="copy-nothing"),
        pytest.param("push nope:x h.example/a", '"oci:nope:x" does not exist', id="push-nothing"),
        pytest.param("build -o a/b", '"a/b" is not an output', id="output"),
        pytest.param("build -o oci:a --layer no", 'cannot read "no"', id="no-directory"),
        pytest.param("build -o oci:a --base oci:no:x", 'no manifest "x"', id="no-base"),
        pytest.param("build -o oci:a --env =x", '"" is not a variable', id="env"),
        pytest.param("layer no.json", '"no.json": No such file', id="sandbox-request"),
        pytest.param("copy localhost:1/a oci:b", "refused", id="registry-not-there"),
    ],
)
def test_a_failure_is_one_message(arguments: str, message: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, *arguments.split())
    assert (code, out) == (1, "")
    assert err.startswith("ocikit: ")
    assert len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments, message",
    [
        pytest.param("", "COMMAND", id="no-command"),
        pytest.param("nope", "'nope'", id="unknown-command"),
        pytest.param("inspect", "IMAGE", id="no-image"),
        pytest.param("build", "--output", id="no-output"),
        pytest.param("build -o oci:a --port x", '"x" is not a port', id="port"),
        pytest.param("build -o oci:a --env A", '"A" has no "="', id="no-value"),
        pytest.param("build -o oci:a --platform x", '"x" is not a platform', id="platform"),
        pytest.param("build -o oci:a --compression lz4", '"lz4" is not a comp', id="compression"),
    ],
)
def test_usage_errors(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main([command, "--help"])
    assert error.value.code == 0
    assert f"usage: ocikit {command}" in capsys.readouterr().out


def test_a_closed_pipe_is_not_reported(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _build(capsys, "oci:out")
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run(
        [sys.executable, "-m", "ocikit", "inspect", "oci:out"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    os.close(writing)
    assert (found.returncode, found.stderr) == (1, b"")

from __future__ import annotations

from pathlib import Path

import pytest

from ocikit.cli.main import main

DOCKER = """\
# The web.
docker_image(
    name="web",
    repository="shop/web",
)

file(name="kept", source="a.conf")
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a service."""
    (tmp_path / "web").mkdir()
    for name, text in {
        "pants.toml": "",
        "web/BUILD": DOCKER,
        "web/Dockerfile": "FROM python\nCOPY web/a.conf web/app.pex /etc/x/\n",
        "web/a.conf": "",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_prints_and_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "web/BUILD").write_text(DOCKER + 'pex_binary(name="app")\n')
    before = (root / "web/BUILD").read_text()
    assert main(["convert-targets", "web"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("# web/BUILD\n\n# Worth a look:\n#   web:web: `COPY`\n")
    assert 'sources=["a.conf"]' in output
    assert 'dependencies=["web:app"]' in output
    assert 'repository="shop/web"' in output
    assert (root / "web/BUILD").read_text() == before


def test_writes_only_what_is_complete(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert-targets", "--write", "web/BUILD"]) == 1
    err = capsys.readouterr().err
    assert 'left out: web:web: web/Dockerfile:2: COPY web/a.conf web/app.pex /etc/x/: "web/app.pex": the ' in err
    assert "nothing was written" in err
    assert (root / "web/BUILD").read_text() == DOCKER
    (root / "web/Dockerfile").write_text("FROM python\nCOPY web/a.conf /etc/x/\n")
    assert main(["convert-targets", "--write", "web/BUILD"]) == 0
    written = (root / "web/BUILD").read_text()
    assert written.startswith("# The web.\n# web/Dockerfile:1: FROM python\noci_base(name=")
    assert written.endswith('    repository="shop/web",\n)\n\nfile(name="kept", source="a.conf")\n')
    assert "docker_image" not in written


def test_our_targets_are_not_converted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "web/BUILD").write_text('oci_layer(name="l", dependencies=[])\noci_base(name="b")')
    assert main(["convert-targets", "web"]) == 1
    assert "in web/BUILD; found: oci_base, oci_layer." in capsys.readouterr().err


@pytest.mark.parametrize(
    "path, message",
    [
        ("nope", '"nope" is not in a Pants repository'),
        ("empty", '"empty" has no BUILD file; name one.'),
        ("web/Dockerfile", "web/Dockerfile:1: cannot be read as a BUILD file"),
    ],
)
def test_errors(root: Path, path: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "empty").mkdir()
    if path == "nope":
        (root / "pants.toml").unlink()
    assert main(["convert-targets", path]) == 1
    assert message in capsys.readouterr().err

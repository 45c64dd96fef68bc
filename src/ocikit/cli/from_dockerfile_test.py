from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ocikit.cli.context_reader import build_root_of, read_archive, read_context
from ocikit.cli.main import main
from ocikit.errors import InvalidInput
from ocikit.migrate.build_context import DIRECTORY, SYMLINK
from ocikit.testing.deep_directories import LEVELS, deep_directories
from ocikit.testing.tar_parts import header, names


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service in a repository."""
    folder = tmp_path / "services" / "web"
    folder.mkdir(parents=True)
    (tmp_path / "pants.toml").touch()
    (folder / "app.py").touch()
    (folder / "Dockerfile").write_text("FROM python\nCOPY app.py /srv/\nCMD python /srv/app.py\n")
    monkeypatch.chdir(folder)
    return folder


def test_prints_a_build_file(web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["from-dockerfile"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out == (
        "# Dockerfile:1: FROM python\n"
        'oci_base(name="python", image="docker.io/library/python:latest")\n\n'
        "# Dockerfile:2: COPY app.py /srv/\n"
        'files(name="app-py-files", sources=["app.py"])\n\n'
        "oci_layer(\n"
        '    name="app-py",\n'
        '    dependencies=[":app-py-files"],\n'
        '    strip_prefix="services/web",\n'
        '    directory="/srv",\n'
        ")\n\n"
        "oci_image(\n"
        '    name="image",\n'
        '    base=":python",\n'
        '    layers=[":app-py"],\n'
        '    args=["/bin/sh", "-c", "python /srv/app.py"],\n'
        ")\n"
    )


def test_the_standard_library_is_enough(web: Path) -> None:
    library = Path(__file__).parents[2]
    program = (
        f"import sys; sys.path[0] = {str(library)!r}; from ocikit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program, "from-dockerfile"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_left_out_is_reported_and_sets_the_exit_code(web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (web / "Other").write_text("FROM scratch\nCOPY app.py /\nRUN chmod +x /app.py\nUSER app\nWORKDIR /x\n")
    assert main(["from-dockerfile", "Other"]) == 1
    output = capsys.readouterr()
    assert output.err == (
        "left out: Other:3: RUN chmod +x /app.py: the executable bit is kept; for another mode, set `file_mode` of the "
        "`oci_layer`.\n"
        'look at: Other:5: WORKDIR /x: Docker makes "app" the owner of the directory, Pants root: set `owner` of its '
        "`oci_layer`.\n"
    )
    assert output.out.startswith("# Left out, because it has no counterpart:\n#   Other:3: RUN chmod +x /app.py\n")
    assert main(["from-dockerfile", "Other", "--partial"]) == 0


def test_writes_only_to_a_new_file(web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["from-dockerfile", "--output", "BUILD", "--name", "web"]
    assert main(arguments) == 0
    written = (web / "BUILD").read_text()
    assert 'name="web-python"' in written
    assert main(arguments) == 1
    assert '"BUILD" exists; write to another file' in capsys.readouterr().err
    assert (web / "BUILD").read_text() == written


@pytest.mark.parametrize(
    "content, arguments, message",
    [
        pytest.param(b"FORM x", [], 'Dockerfile:1: "FORM" is not an instruction', id="instruction"),
        pytest.param(b"FROM \xff", [], "Dockerfile: byte 5 is not UTF-8", id="encoding"),
        pytest.param(b"FROM x", ["--context", "nope"], '"nope" is not a directory; set --context', id="context"),
        pytest.param(b"FROM x", ["nope"], '"nope": No such file or directory.', id="file"),
        pytest.param(b"FROM x", ["--target", "y"], 'there is no stage "y"', id="stage"),
    ],
)
def test_errors(
    web: Path, content: bytes, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (web / "Dockerfile").write_bytes(content)
    assert main(["from-dockerfile", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_outside_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    assert main(["from-dockerfile", str(tmp_path / "Dockerfile")]) == 0
    output = capsys.readouterr()
    assert "no pants.toml above it" in output.err
    assert "strip_prefix" not in output.out


def test_the_context_is_what_pants_sees(web: Path) -> None:
    for name in ("conf/a", ".git/x", "conf/__pycache__/x", "dist/x"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).touch()
    (web / "link").symlink_to("app.py")
    (web / ".dockerignore").write_text("conf")
    root = build_root_of(web)
    assert root is not None
    found = read_context(web, root, web, dockerfile=web / "Dockerfile")
    assert (found.root, found.folder) == ("services/web", "services/web")
    kinds = {path: file.kind for path, file in found.everything.items()}
    assert kinds.pop("link") == SYMLINK
    assert kinds.pop("conf") == kinds.pop("dist") == DIRECTORY
    assert sorted(kinds) == [".dockerignore", "Dockerfile", "app.py", "conf/a", "dist/x"]
    assert sorted(found.unseen) == [".git", "conf/__pycache__"]
    assert not found.sees("conf/a")
    (web / "Dockerfile.dockerignore").touch()
    assert read_context(web, root, web, dockerfile=web / "Dockerfile").sees("conf/a")


def test_the_dist_folder_of_the_build_root_is_not_seen(web: Path) -> None:
    root = web.parents[1]
    (root / "dist").mkdir()
    assert "dist" in read_context(root, root, root, dockerfile=None).unseen


def test_a_context_above_the_build_root_is_an_error(web: Path) -> None:
    with pytest.raises(InvalidInput, match="is not below the build root"):
        read_context(web.parent, web, web, dockerfile=None)


@pytest.mark.parametrize(
    "ending, pack",
    [(".tar", bytes), (".tgz", gzip.compress), (".tar.bz2", bz2.compress), (".tar.xz", lzma.compress)],
    ids=["tar", "gzip", "bzip2", "xz"],
)
def test_the_files_of_an_archive_are_listed(ending: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, mode in (("./d/", 0o755), ("./d/plain", 0o644), ("./d/odd", 0o600)):
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid = mode, 7, 8
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(member, io.BytesIO())
    path.write_bytes(pack(stream.getvalue()))
    found = read_archive(path)
    assert found is not None
    assert [(file.path, file.kind) for file in found.files] == [
        ("d", "directory"),
        ("d/plain", "file"),
        ("d/odd", "file"),
    ]
    assert found.owners == frozenset({"7:8"})
    assert found.odd_modes == ("d/odd",)
    (tmp_path / "b.tar").write_text("not an archive")
    assert read_archive(tmp_path / "b.tar") is None
    assert read_archive(tmp_path / "nope.txt") is None


def test_what_pants_cannot_see_is_reported(web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(web / "pipe")
    Path(os.fsdecode(os.fsencode(web) + b"/bad\xff")).touch()
    assert set(read_context(web, web, web, dockerfile=None).unseen) >= {"pipe", r"bad\xff"}
    (web / "Dockerfile").write_text("FROM scratch\nCOPY . /srv/\nCOPY pipe /\n")
    assert main(["from-dockerfile"]) == 1
    assert "pipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b\x08" + b"\0" * 40, b"BZh9" + b"x" * 40, b"\xfd7zXZ\0" + b"x" * 40, b"\xff" * 512]
)
def test_files_that_are_not_archives(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    assert read_archive(tmp_path / "a.tar") is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gzip.compress(header(b"a", 2**28)) + gzip.compress(bytes(2**24)) * 10, id="gzip-bomb"),
        pytest.param(bz2.compress(header(b"a", 2**27) + bytes(2**27)), id="bzip2-bomb"),
        pytest.param(names(100_001, 10), id="files"),
    ],
)
def test_an_archive_that_is_too_large(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InvalidInput, match='a.tar" is too large to read as an archive'):
        read_archive(tmp_path / "a.tar")


def test_a_link_to_a_pipe_is_not_read_as_an_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.tar").symlink_to("pipe")
    assert read_archive(tmp_path / "a.tar") is None


def test_as_many_levels_as_a_path_can_have(tmp_path: Path) -> None:
    with deep_directories(tmp_path):
        started = time.process_time()
        assert len(read_context(tmp_path, tmp_path, tmp_path, dockerfile=None).everything) == LEVELS
        # Resolving each folder by itself takes quadratic time.
        assert time.process_time() - started < 10

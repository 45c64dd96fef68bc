"""Cache keys of processes depend on nothing of a machine, so all machines of a team find what one has built.

Two machines have only the operating system and the sources in common. Pants's own processes contain paths, mainly Pex
and tar: they run again on each machine, and must give the same bytes, or look-ups of our processes would miss.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocikit.testing.images import tiny_layout
from support.build_root import WITH_PYTHON, stop_daemons
from support.casd import Casd, casd
from support.machines import Machine, Run
from support.saved_images import docker_archive

SETTINGS = """
[python]
interpreter_constraints = ["==3.9.*"]

[python-infer]
use_rust_parser = true

[oci.registries.local]
address = "oci:dist/registry"
default = true
"""
FILES = {
    "bases/BUILD": """\
oci_base(name="layout", path="layout", python="/usr/bin/python3.9")
oci_base(name="saved", path="saved.tar")
""",
    "files/a.txt": "a\n",
    "files/BUILD": """\
files(name="texts", sources=["*.txt"])
file(name="tools", source="tools.tar")
oci_layer(
    name="unpacked",
    dependencies=[":tools"],
    unpack=True,
    strip_prefix="tools",
    rename={"run": "bin/run"},
    symlinks={"/usr/bin/run": "/opt/bin/run"},
    directory="/opt",
    owner="1:2",
)
oci_image(
    name="image", base="//bases:saved", layers=[":unpacked"], dependencies=[":texts"], package_format="archive"
)
oci_push(name="push", image=":image", repository="files")
""",
    "app/main.py": "import os\n\nprint({'a', 'b'}, os.name)\n",
    "app/BUILD": """\
python_sources()
pex_binary(name="pex", entry_point="main.py")
oci_image(name="image", base="//bases:layout", dependencies=[":pex"], pex_compile=True)
oci_push(name="push", image=":image", repository="app")
""",
}
# Cached commands of ocikit, and the compiler of modules.
OURS = ("layer", "layer_files", "archive", "archived_base", "compileall")
# Pants's own processes: Pex, which builds our tool and locates it; unpacking; dependency inference.
OF_PANTS = (b"./pex-v", b'"pex_root"', b"/usr/bin/tar", b"dependency_inference/scripts")
STARTED = re.compile(r"Starting: ((?:Build layer|Compile|Write the archive|List the files|Unpack) .*)")


@dataclass(frozen=True)
class Member:
    """A machine of the team: `folder` contains everything whose path could differ on another machine."""

    folder: Path
    machine: Machine
    umask: int

    def run(self, server: Casd, daemon: bool = False) -> Run:
        """Publish, package and inspect everything; with a daemon, also keep the sandboxes of processes."""
        with self._at_home():
            return self.machine.pants(
                # As an argument, since the launcher sets the variable.
                f"--python-bootstrap-search-path=['{self.folder}/python/bin']",
                *("publish", "package", "oci-inspect", "--files=3"),
                *("app:push", "app:image", "files:push", "files:image"),
                cache=server.address,
                cache_content_behavior="defer",
                local_execution_root_dir=str(self.folder / "sandboxes"),
                pantsd=str(daemon).lower(),
                keep_sandboxes="always" if daemon else "never",
            )

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        before = os.umask(self.umask)
        with pytest.MonkeyPatch.context() as patch:
            # The launcher keeps Pants itself here.
            patch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
            patch.setenv("HOME", str(self.folder / "home"))
            patch.setenv("TMPDIR", str(self.folder / "temporary"))
            patch.setenv("PATH", f"{self.folder / 'programs'}:{os.environ['PATH']}:/sbin")
            try:
                yield
            finally:
                os.umask(before)


def member(folder: Path, checkout: str, umask: int) -> Member:
    machine = Machine(folder, checkout, SETTINGS, own_tools=True, plugin=WITH_PYTHON)
    for name in ("home", "programs", "sandboxes", "temporary", "python/bin"):
        (folder / name).mkdir(parents=True)
    # A Python finds its library next to its program.
    shutil.copy(Path(sys.base_prefix, "bin/python3.9"), folder / "python/bin/python3.9")
    (folder / "python/lib").symlink_to(Path(sys.base_prefix, "lib"))
    tiny_layout(machine.root.path / "bases/layout", {"etc/os-release": b"x"})
    machine.root.write(FILES)
    machine.root.write({"bases/saved.tar": docker_archive(tar("x")), "files/tools.tar": tar("tools/run")})
    return Member(folder, machine, umask)


def tar(name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.mode = 0o755
        archive.addfile(info)
    return stream.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casd]:
    with casd(tmp_path_factory.mktemp("casd")) as running:
        yield running


@pytest.fixture(scope="module")
def first(server: Casd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Member, Run]]:
    """The machine that builds everything, with a daemon, and keeps the sandboxes of processes."""
    one = member(tmp_path_factory.mktemp("first") / "machine", "checkout", 0o022)
    try:
        yield one, one.run(server, daemon=True)
    finally:
        stop_daemons(one.machine.root.path)


def test_no_path_of_the_machine_is_in_the_cache(first: tuple[Member, Run], server: Casd) -> None:
    """Neither arguments and environments, which a cache receives, nor results contain one."""
    path = str(first[0].folder).encode()
    blobs = [file.read_bytes() for file in (server.folder / "store/cas/objects").rglob("*") if file.is_file()]
    assert [blob for blob in blobs if path in blob and not any(mark in blob for mark in OF_PANTS)] == []
    # Otherwise the search looked in the wrong place.
    assert all(any(name.encode() in blob for blob in blobs) for name in OURS)
    assert any(path in blob for blob in blobs)


def test_no_path_of_the_machine_is_in_inputs_of_processes(first: tuple[Member, Run]) -> None:
    path = str(first[0].folder)
    seen = set()
    for script in (first[0].folder / "sandboxes").glob("*/__run.sh"):
        command = "".join(line for line in script.read_text().splitlines(True) if not line.startswith("cd "))
        name = next((name for name in OURS if re.search(rf"\b{name}\b", command)), None)
        if name:
            seen.add(name)
            assert path not in command
            given = [file for file in script.parent.rglob("*") if file.is_file() and not file.is_symlink()]
            assert [file for file in given if file != script and path.encode() in contents(file)] == []
    assert seen == {*OURS}


def test_another_machine_builds_nothing(first: tuple[Member, Run], server: Casd, tmp_path: Path) -> None:
    built = STARTED.findall(first[1].result.stderr)
    other = member(tmp_path / "another/place-with-a-longer-name", "its-own", 0o077)
    run = other.run(server)
    assert STARTED.findall(run.result.stderr) == []
    assert run.cached_remotely >= len(built) > 5
    assert run.result.stdout == first[1].result.stdout


def test_named_caches_may_be_deleted_under_a_daemon(first: tuple[Member, Run], server: Casd) -> None:
    one = first[0]
    shutil.rmtree(one.machine.folder / "named")
    one.machine.root.write({"files/a.txt": "b\n", "app/main.py": "print('new')\n"})
    run = one.run(server, daemon=True)
    assert len(re.findall(r"Starting: Build layer|Starting: Compile", run.result.stderr)) == 3
    assert "2 references: 2 pushed" in run.result.stderr


def contents(file: Path) -> bytes:
    if not zipfile.is_zipfile(file):
        return file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        return b"\n".join((file.read_bytes(), *map(archive.read, archive.namelist())))

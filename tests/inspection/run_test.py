"""`pants run` with real engines: the layers loaded, the output, and the clean-up."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.build_root import BuildRoot, Result
from support.commands import DOCKER, run

pytestmark = pytest.mark.container

BUILD = """\
files(name="busybox", sources=["busybox", "unique"])
file(name="script", source="script.sh")
oci_layer(
    name="shell",
    dependencies=[":busybox"],
    strip_prefix="app",
    directory="/bin",
    symlinks={"sh": "busybox", "cat": "busybox", "sleep": "busybox"},
)
oci_image(
    name="image",
    layers=[":shell"],
    dependencies=[":script"],
    entrypoint=["/bin/sh", "/app/script.sh"],
    args=["own"],
    labels={"pants-oci-test": "UNIQUE"},
)
oci_image(
    name="archive",
    layers=[":shell"],
    entrypoint=["/bin/busybox", "echo", "hello"],
    labels={"pants-oci-test": "UNIQUE"},
    package_format="archive",
)
"""
SCRIPT = """\
echo "arguments: $*"
[ -t 0 ] && echo "a terminal"
trap 'echo interrupted; exit 8' INT
case $1 in
    cat) cat; exit 3;;
    wait) echo waiting; while :; do sleep 0.1; done;;
esac
exit 5
"""
# Keeps a copy of the archive that Docker loads.
DOCKER_WITH_A_COPY = f"""\
#!/bin/sh
[ "$1" = load ] || exec {DOCKER} "$@"
cat > "{{folder}}/loaded.tar" && exec {DOCKER} "$@" < "{{folder}}/loaded.tar"
"""
# Podman's default limits may exceed what root in a container can set; lower ones always work.
PODMAN = ("--oci-engine=podman", "--oci-run-args=--ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024")
NAME = "app/image:latest"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildRoot]:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "docker").write_text(DOCKER_WITH_A_COPY.format(folder=folder))
    (folder / "docker").chmod(0o755)
    with BuildRoot(folder / "root") as build_root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        busybox = Path(shutil.which("busybox") or "busybox-static is missing; ./test installs it")
        # Each run of these tests has its own images, which no engine has yet.
        unique = str(uuid.uuid4())
        build = BUILD.replace("UNIQUE", unique)
        build_root.write({"app/BUILD": build, "app/busybox": busybox.read_bytes(), "app/unique": unique})
        # Podman fails if DOCKER_CONFIG names a folder without this file.
        build_root.write({"app/script.sh": SCRIPT, ".nobody/config.json": "{}"})
        for name in ("busybox", "script.sh"):
            (build_root.path / "app" / name).chmod(0o755)
        try:
            yield build_root
        finally:
            for engine in (DOCKER, "podman"):
                own = run(engine, "image", "ls", "--all", "--quiet", "--filter", f"label=pants-oci-test={unique}")
                for image in dict.fromkeys(own.split()):
                    run(engine, "image", "rm", "--force", image)


def loaded_layers(root: BuildRoot) -> int | None:
    """The number of layers that Docker loaded since the last call; None without a load."""
    path = root.path.parent / "loaded.tar"
    if not path.exists():
        return None
    with tarfile.open(path) as tar:
        count = sum(1 for member in tar if member.isfile() and member.name.startswith("blobs/")) - 2
    path.unlink()
    return count


def outcome(result: Result) -> tuple[int, list[str]]:
    return result.exit_code, result.stdout.splitlines()


def test_an_image_runs_and_only_missing_layers_are_loaded(root: BuildRoot) -> None:
    assert outcome(root.pants("run", "app:image", check=False)) == (5, ["arguments: own"])
    assert loaded_layers(root) == 2
    assert outcome(root.pants("run", "app:image", "--", "one", "t w o", check=False)) == (5, ["arguments: one t w o"])
    assert loaded_layers(root) is None

    script = root.path / "app/script.sh"
    script.write_text(script.read_text() + "# changed\n")
    assert outcome(root.pants("run", "app:image", check=False)) == (5, ["arguments: own"])
    assert loaded_layers(root) == 1
    named = run(DOCKER, "image", "inspect", "--format", "{{.Id}}", NAME).strip()
    run(DOCKER, "image", "rm", "--force", named)
    assert outcome(root.pants("run", "app:image", check=False)) == (5, ["arguments: own"])
    assert loaded_layers(root) in (1, 2)
    assert run(DOCKER, "image", "inspect", "--format", "{{.Id}}", NAME).strip() == named
    assert run(DOCKER, "ps", "--all", "--quiet", "--filter", f"ancestor={named}") == ""


def test_run_args_come_before_the_image(root: BuildRoot) -> None:
    settings = "--oci-run-args=['--hostname', 'box', '--entrypoint', '/bin/cat']"
    assert outcome(root.pants(settings, "run", "app:image", "--", "/etc/hostname")) == (0, ["box"])


def test_podman_runs_the_image(root: BuildRoot) -> None:
    first = root.pants(*PODMAN, "run", "app:image", "--", "x", check=False)
    assert outcome(first) == (5, ["arguments: x"]), first
    again = root.pants(*PODMAN, "run", "app:image", "--", "x", check=False)
    assert outcome(again) == (5, ["arguments: x"])
    assert "Load into" not in again.stderr
    docker, podman = (run(engine, "image", "inspect", "--format", "{{.Id}}", NAME) for engine in (DOCKER, "podman"))
    assert docker.strip() == f"sha256:{podman.strip()}"


def test_docker_does_not_answer(root: BuildRoot) -> None:
    no_daemon = {"DOCKER_HOST": f"unix://{root.path}/nobody"}
    failed = root.pants("--oci-engine=docker", "run", "app:image", env=no_daemon, check=False)
    assert failed.exit_code == 1
    assert "app:image: docker does not answer: Cannot connect to the Docker daemon" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert outcome(root.pants(PODMAN[1], "run", "app:image", "--", "x", env=no_daemon, check=False)) == (
        5,
        ["arguments: x"],
    )


def test_a_pipe_is_the_standard_input(root: BuildRoot) -> None:
    reading, writing = os.pipe()
    with root.start("run", "app:image", "--", "cat", stdin=reading) as process:
        os.close(reading)
        os.write(writing, b"a line\n")
        os.close(writing)
        assert process.stdout
        assert process.stdout.read() == b"arguments: cat\na line\n"
    assert process.returncode == 3


def test_a_terminal_is_attached(root: BuildRoot) -> None:
    # Pants passes a terminal on only if all three streams are one; its daemon also needs the dynamic UI.
    ours, theirs = pty.openpty()
    with root.start("--dynamic-ui", "run", "app:image", stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = b""
        # Linux raises it when the other side is closed.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 1000):
                output += chunk
    os.close(ours)
    assert (process.returncode, b"arguments: own\r\na terminal\r\n" in output) == (5, True), output


def test_an_interrupt_reaches_the_container(root: BuildRoot) -> None:
    with root.start("run", "app:image", "--", "wait") as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == [b"arguments: wait\n", b"waiting\n"]
        process.send_signal(signal.SIGINT)
        assert b"interrupted" in process.stdout.read()
    assert process.returncode != 0
    assert run(DOCKER, "ps", "--quiet", "--filter", f"ancestor={NAME}") == ""


def test_a_target_is_packaged_as_an_archive(root: BuildRoot) -> None:
    root.pants("package", "app:archive")
    archive = str(root.path / "dist/app/archive.tar")
    for engine in (DOCKER, "podman"):
        assert "app/archive:latest" in run(engine, "load", "--input", archive)
    assert run(DOCKER, "run", "--rm", "--network=none", "app/archive:latest") == "hello\n"
    assert run("skopeo", "inspect", "--format", "{{.Name}} {{.Os}}", f"oci-archive:{archive}").strip().endswith("linux")

"""The tutorial, followed with its prerequisites installed: Pants, Docker and Git."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.build_root import PROJECT, BuildRoot, clean_environment, write_launcher
from support.commands import DOCKER, image_from, need_engine, run
from support.package_index import serve_index
from support.transcript import Command, File, do, is_printed, steps
from support.wheel import project_wheel

PAGE = (PROJECT / "docs/tutorial.md").read_text()
REGISTRY_IMAGE = "registry:2"


@pytest.mark.container
def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    root = BuildRoot(tmp_path / "root")
    # The page starts in an empty folder.
    (root.path / "pants.toml").unlink()
    try:
        with serve_index(project_wheel().parent) as index, registry_image():
            environment = reader(tmp_path, index)
            fetch_the_plugin(tmp_path / "elsewhere", environment)
            for step in steps(PAGE):
                do(step, root.path, environment)
    finally:
        root.stop()


def fetch_the_plugin(folder: Path, environment: Mapping[str, str]) -> None:
    """Fetch the plugin without the daemon: on a busy machine it can take longer than the daemon's minute to start."""
    do(steps(PAGE)[0], folder, environment)
    do(Command(0, "pants --no-pantsd help", ("…",)), folder, environment)


def reader(folder: Path, index: str) -> Mapping[str, str]:
    """An environment with a launcher of Pants and with Git's `user.name` configured."""
    programs = folder / "bin"
    write_launcher(programs)
    (programs / "docker").symlink_to(DOCKER)
    git = {
        f"GIT_{role}_{what}": "reader@example.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    # The index that has the plugin, until it is on a public one.
    where = {"PANTS_PYTHON_REPOS_INDEXES": f"+['{index}']"}
    return {**clean_environment(), **git, **where, "PATH": f"{programs}:{os.environ['PATH']}"}


@contextmanager
def registry_image() -> Iterator[None]:
    """Tag the tests' registry image with the name that the page uses, and remove all images afterwards."""
    need_engine()
    ours = not run(DOCKER, "images", "--quiet", REGISTRY_IMAGE)
    if ours:
        run(DOCKER, "tag", image_from("TEST_REGISTRY_IMAGE"), REGISTRY_IMAGE)
    try:
        yield
    finally:
        run(DOCKER, "rm", "--force", "tutorial")
        made = [f"--filter=reference={name}" for name in ("hello/image", "localhost:5001/tutorial/*")]
        images = run(DOCKER, "images", "--quiet", *made).split() + [REGISTRY_IMAGE] * ours
        if images:
            run(DOCKER, "rmi", "--force", *dict.fromkeys(images))


def test_steps_are_files_and_commands() -> None:
    page = "```toml\n# a/b.toml\nx = 1\n```\n\ntext\n\n```console\n$ one \\\ntwo\nprinted\n$ three\n```\n"
    assert steps(page) == (
        File(1, "a/b.toml", "# a/b.toml\nx = 1\n"),
        Command(9, "one \\\ntwo", ("printed",)),
        Command(12, "three", ()),
    )


@pytest.mark.parametrize("page", ["```toml\nx = 1\n```\n", "```console\nnobody printed this\n```\n"])
def test_other_blocks_are_reported(page: str) -> None:
    with pytest.raises(ValueError, match=r"line \d+: "):
        steps(page)


@pytest.mark.parametrize(
    "expected, printed, same",
    [
        (("a", "b"), "a\n\nb\n", True),
        (("a",), "a\nb\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("…", "c"), "c\n", True),
        (("…", "c"), "a\nb\n", False),
        (("took … s.",), "took 1.5 s.\n", True),
        (("took … s.",), "took 1.5 sx\n", False),
        (("a …", "c"), "a b\nb\nc\n", False),
        ((), "a\n", False),
        pytest.param(("a",), "06:25:16.60 [INFO] pantsd started\na\n", True, id="a-daemon-that-starts"),
        pytest.param(("a",), "06:25:16.60 [INFO] something else\na\n", False, id="anything-else"),
    ],
)
def test_what_is_printed_is_compared(expected: tuple[str, ...], printed: str, same: bool) -> None:
    assert is_printed(expected, printed) is same

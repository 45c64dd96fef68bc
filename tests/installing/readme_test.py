"""The README's "In your own repository", followed literally in an empty folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.build_root import PROJECT, clean_environment, stop_daemons, write_launcher
from support.package_index import serve_index
from support.registry_container import Registry
from support.wheel import project_wheel

pytestmark = pytest.mark.container

# The placeholders in its text.
INDEX = "https://packages.example/simple/"
REGISTRY = "registry.example"


def blocks() -> list[tuple[str, str]]:
    """The language and the text of each code block of the section."""
    section = (PROJECT / "README.md").read_text().split("\n## In your own repository\n")[1].split("\n## ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    write_launcher(tmp_path / "bin")
    (tmp_path / "empty").mkdir()
    yield tmp_path / "empty"
    stop_daemons(tmp_path / "empty")


def test_published_then_unchanged(folder: Path, registry: Registry) -> None:
    with serve_index(project_wheel().parent) as index:
        printed = [follow(folder, index, registry.address) for _ in range(2)]
    reference = f"{registry.address}/shop/pages:latest"
    assert f"✓ {reference} published." in printed[0]
    assert f"- {reference} skipped (unchanged: {registry.digest('shop/pages')})." in printed[1]


def follow(folder: Path, index: str, registry: str) -> str:
    """Write the files and run the commands, in the order of the text, and return the output."""
    printed = ""
    for language, text in blocks():
        filled_in = text.replace(INDEX, index).replace(REGISTRY, registry)
        if language == "sh":
            printed += shell(folder, filled_in)
        else:
            name = filled_in.splitlines()[0].removeprefix("# ")
            (folder / name).write_text(filled_in)
    return printed


def shell(folder: Path, commands: str) -> str:
    environment = clean_environment()
    environment["PATH"] = f"{folder.parent / 'bin'}:{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{commands}{done.stdout}{done.stderr}"
    return done.stdout + done.stderr

"""Which of a machine's Pythons runs ocikit, and which machines share layers because of that."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.build_root import PROJECT, BuildRoot
from support.casd import Casd, casd
from support.machines import Machine, Run
from support.pythons import folder_of_python

SETTINGS = """
[oci.registries.local]
address = "oci:dist/registry"
default = true
"""
BUILD = 'files(name="files", sources=["*.txt"])\noci_image(name="image", dependencies=[":files"])\n'
OLD, NEW = "3.9", "3.11"
BOTH = (OLD, NEW)
_LAYER = re.compile(r"Completed: Build layer")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SEARCH = re.compile(r'description: "Find (?:a Python|interpreter) .*?"')
# Parts of the script that starts ocikit.
_PYTHON = re.compile(r"PEX_PYTHON=\S+/python(3\.\d+)\s")
_VENV = re.compile(r'venv_dir="\$\(adjust_relative_paths \.cache/(\S+)\)"')


@dataclass(frozen=True)
class Built:
    """The result of building the image on a machine."""

    folder: Path
    run: Run

    @property
    def layers(self) -> int:
        """The number of layers that were built on this machine."""
        return len(_LAYER.findall(self.run.result.stderr))

    @property
    def digest(self) -> str:
        return _match(_DIGEST, self.run.result.stderr)[0]

    @property
    def python(self) -> str:
        return _match(_PYTHON, self._start)[1]

    @property
    def urllib3(self) -> str:
        """The release of urllib3 that ran on this machine, if ocikit ran."""
        venv = self.folder / "named" / _match(_VENV, self._start)[1]
        (found,) = venv.glob("lib/python*/site-packages/urllib3-*.dist-info")
        return found.name[len("urllib3-") : -len(".dist-info")]

    @property
    def _start(self) -> str:
        (script,) = (self.folder / "named/pants_oci/start").iterdir()
        return script.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casd]:
    with casd(tmp_path_factory.mktemp("casd")) as running:
        yield running


@pytest.fixture(scope="module")
def both(server: Casd, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("both") / "machine", server, *BOTH)


@pytest.fixture(scope="module")
def old(server: Casd, both: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("old") / "machine", server, OLD)


def build(folder: Path, server: Casd, *versions: str, options: Iterable[str] = ()) -> Built:
    machine = Machine(folder, settings=SETTINGS, own_tools=True)
    machine.root.write({"BUILD": BUILD, "a.txt": "a\n"})
    return Built(folder, machine.pants(search_path(*versions), *options, "package", "//:image", cache=server.address))


def search_path(*versions: str) -> str:
    """The search path as an argument, since the launcher sets the variable."""
    return f"--python-bootstrap-search-path={[folder_of_python(version) for version in versions]}"


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.search(text)
    assert found, text
    return found


def releases(name: str) -> list[str]:
    """The locked releases of a requirement of ocikit, oldest first."""
    lock = (PROJECT / "pants-plugins/pants_oci/ocikit.lock").read_text()
    return sorted(re.findall(rf"^{name}==(\S+)", lock, re.M), key=lambda text: [*map(int, text.split("."))])


def test_a_newer_python_is_preferred(both: Built) -> None:
    assert (both.python, both.urllib3) == (NEW, releases("urllib3")[-1])


def test_an_old_python_is_used_if_it_is_the_only_one(old: Built) -> None:
    assert (old.python, old.urllib3) == (OLD, releases("urllib3")[0])


def test_constraints_of_the_user_are_respected(server: Casd, both: Built, tmp_path: Path) -> None:
    option = f"--ocikit-interpreter-constraints=['CPython=={OLD}.*']"
    found = build(tmp_path / "machine", server, *BOTH, options=[option])
    assert (found.python, found.digest) == (OLD, both.digest)


def test_machines_that_choose_the_same_python_share_layers(server: Casd, both: Built, tmp_path: Path) -> None:
    """One of the machines has another Python as well."""
    assert both.layers == 1
    another = build(tmp_path / "machine", server, NEW)
    assert (another.layers, another.digest) == (0, both.digest)


def test_machines_with_another_python_build_the_same_layers(both: Built, old: Built) -> None:
    assert (old.layers, old.digest) == (1, both.digest)


def test_pythons_are_searched_only_once(tmp_path: Path) -> None:
    """A daemon also remembers that a Python was not found."""
    with BuildRoot(tmp_path / "root", SETTINGS) as root:
        root.write({"BUILD": BUILD})
        searches = []
        for number in range(2):
            # The content must be new, since all tests share the store.
            root.write({"a.txt": f"{tmp_path} {number} {os.getpid()}\n"})
            shown = root.pants(search_path(OLD), "-ldebug", "package", "//:image").stderr
            assert _LAYER.search(shown)
            searches.append(set(_SEARCH.findall(shown)))
    assert (len(searches[0]), searches[1]) == (2, set())

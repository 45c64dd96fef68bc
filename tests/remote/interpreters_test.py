"""Which of a machine's Pythons runs ocikit, and who shares layers with whom because of that."""

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
# In the script that starts ocikit.
_PYTHON = re.compile(r"PEX_PYTHON=\S+/python(3\.\d+)\s")
_VENV = re.compile(r'venv_dir="\$\(adjust_relative_paths \.cache/(\S+)\)"')


@dataclass(frozen=True)
class Built:
    """What became of the image on a machine."""

    folder: Path
    run: Run

    @property
    def layers(self) -> int:
        """How many were built here."""
        return len(_LAYER.findall(self.run.result.stderr))

    @property
    def digest(self) -> str:
        return _match(_DIGEST, self.run.result.stderr)[0]

    @property
    def python(self) -> str:
        return _match(_PYTHON, self._start)[1]

    @property
    def urllib3(self) -> str:
        """The release that ran here, if anything did."""
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


def build(folder: Path, server: Casd, *versions: str, told: Iterable[str] = ()) -> Built:
    machine = Machine(folder, settings=SETTINGS)
    machine.root.write({"BUILD": BUILD, "a.txt": "a\n"})
    return Built(folder, machine.pants(search_path(*versions), *told, "package", "//:image", cache=server.address))


def search_path(*versions: str) -> str:
    """An argument, as the launcher sets the variable."""
    return f"--python-bootstrap-search-path={[folder_of_python(version) for version in versions]}"


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.search(text)
    assert found, text
    return found


def releases(name: str) -> list[str]:
    """Of a requirement of ocikit, the oldest first."""
    lock = (PROJECT / "pants-plugins/pants_oci/ocikit.lock").read_text()
    return sorted(re.findall(rf"^{name}==(\S+)", lock, re.M), key=lambda text: [*map(int, text.split("."))])


def test_a_newer_python_is_preferred(both: Built) -> None:
    assert (both.python, both.urllib3) == (NEW, releases("urllib3")[-1])


def test_an_old_python_will_do_where_there_is_no_other(old: Built) -> None:
    assert (old.python, old.urllib3) == (OLD, releases("urllib3")[0])


def test_what_the_user_says_is_taken(server: Casd, both: Built, tmp_path: Path) -> None:
    told = f"--ocikit-interpreter-constraints=['CPython=={OLD}.*']"
    found = build(tmp_path / "machine", server, *BOTH, told=[told])
    assert (found.python, found.digest) == (OLD, both.digest)


def test_machines_that_choose_the_same_python_share_layers(server: Casd, both: Built, tmp_path: Path) -> None:
    """Though one has another Python as well."""
    assert both.layers == 1
    another = build(tmp_path / "machine", server, NEW)
    assert (another.layers, another.digest) == (0, both.digest)


def test_machines_that_do_not_build_the_same_layers(both: Built, old: Built) -> None:
    assert (old.layers, old.digest) == (1, both.digest)


def test_no_python_is_looked_for_again(tmp_path: Path) -> None:
    """Not even one that was not there: a daemon remembers that, too."""
    with BuildRoot(tmp_path / "root", SETTINGS) as root:
        root.write({"BUILD": BUILD})
        searches = []
        for number in range(2):
            # As nobody had it before: the store is everybody's.
            root.write({"a.txt": f"{tmp_path} {number} {os.getpid()}\n"})
            shown = root.pants(search_path(OLD), "-ldebug", "package", "//:image").stderr
            assert _LAYER.search(shown)
            searches.append(set(_SEARCH.findall(shown)))
    assert (len(searches[0]), searches[1]) == (2, set())

"""A Python application's layers in a remote cache: the work that a second machine repeats."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator

import pytest

from ocikit.testing.images import tiny_layout
from support.build_root import WITH_PYTHON
from support.casd import casd
from support.machines import Machine
from support.team import Image, Seen, Team, team
from support.wheels import wheel

# The folder of wheels has the same path on all machines, like the URL of an index.
SETTINGS = """
[source]
root_patterns = ["/app"]

[python]
interpreter_constraints = ["CPython>=3.9"]

[python-repos]
find_links = ["file://{wheels}"]

[python-infer]
use_rust_parser = true
"""
FILES = {
    "BUILD": """\
oci_base(name="base", path="base", python="/usr/bin/python3.9")
python_requirement(name="large", requirements=["ocitest_large==1.0"], modules=["large"])
python_requirement(name="small", requirements=["ocitest_small==1.0"], modules=["small"])
""",
    "app/BUILD": """\
python_sources()
pex_binary(name="server", entry_point="server.py")
oci_image(name="image", base="//:base", dependencies=[":server"])
oci_push(name="push", image=":image", repository="app")
""",
    "app/server.py": "import large\nimport small\n\nprint(large.TEXT[:3], small.TEXT)\n",
}
WHEELS = {
    # Above the size at which a distribution gets its own layer.
    **wheel("ocitest_large", "1.0", {"large.py": f"TEXT = '{random.Random(0).randbytes(3_000_000).hex()}'\n"}),
    **wheel("ocitest_small", "1.0", {"small.py": "TEXT = 'small'\n"}),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("python-team")
    with casd(folder / "server") as server, team(folder, server) as made:
        yield made
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("wheels")
    for name, content in WHEELS.items():
        (folder / name).write_bytes(content)
    return SETTINGS.format(wheels=folder)


def machine(shared: Team, settings: str, name: str) -> Machine:
    made = shared.machine(name, f"checkout-of-{name}", settings, WITH_PYTHON)
    made.root.write(FILES)
    tiny_layout(made.root.path / "base", {"usr/bin/python3.9": b""})
    return made


@pytest.fixture(scope="module")
def on_a(shared: Team, settings: str) -> Seen:
    return shared.pants(machine(shared, settings, "a"), "publish", "::", cache_content_behavior="defer")


@pytest.fixture(scope="module")
def image(shared: Team, on_a: Seen) -> Image:
    return shared.image("app")


@pytest.fixture(scope="module")
def on_b(shared: Team, settings: str, image: Image) -> Seen:
    # Pants logs the installation of a single wheel at this level only.
    return shared.pants(machine(shared, settings, "b"), "publish", "::", cache_content_behavior="defer", level="debug")


def test_the_first_machine_builds_a_layer_of_each_kind(on_a: Seen, image: Image) -> None:
    layers = ("ocitest_large 1.0", "ocitest_small 1.0", "start", "sources")
    assert sorted(on_a.built) == sorted(f"app:image [{layer}]" for layer in layers)
    # The other layer is that of the base.
    assert len(image.layers) == 1 + len(layers)


def test_a_second_machine_builds_and_sends_no_layer_and_fetches_none(on_b: Seen, image: Image) -> None:
    assert on_b.built == []
    assert on_b.read(image.layers) == {}
    assert on_b.writes == []


def test_only_processes_with_folders_as_results_run_again(on_b: Seen) -> None:
    """casd misses results with folders: Pants stores each tree as one blob, and casd expects one for each folder.

    They are the same as on A, byte for byte, or the layers made from them would differ.
    """
    ours = [line for line in on_b.finished if re.fullmatch(r"(Install|Resolve) \S+.*(\.whl| for Python 3\.9)", line)]
    assert sorted(ours) == [
        "Install ocitest_large-1.0-py3-none-any.whl",
        "Install ocitest_small-1.0-py3-none-any.whl",
        "Resolve the requirements of app:image for Python 3.9",
    ]

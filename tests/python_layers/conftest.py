"""One build root for all tests with small requirements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocikit import ContainerSettings
from ocikit.testing.images import tiny_layout
from python_layers.shapes import OTHER_TARGETS, ROOT_BUILD, SETTINGS, SOURCES, WHEELS, build_file
from support.build_root import WITH_PYTHON, BuildRoot
from support.layouts import python_base


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildRoot]:
    with BuildRoot(tmp_path_factory.mktemp("shapes"), SETTINGS, WITH_PYTHON) as root:
        root.write({f"wheels/{name}": data for name, data in WHEELS.items()})
        root.write({"BUILD": ROOT_BUILD, "src/BUILD": build_file(), "other/BUILD": OTHER_TARGETS, **SOURCES})
        python_base(root.path / "base")
        official = ContainerSettings(env={"PYTHON_VERSION": "3.11.9", "GPG_KEY": "0", "PATH": "/usr/local/bin:/bin"})
        tiny_layout(root.path / "other/official", {"usr/local/bin/python3.11": b""}, settings=official)
        yield root

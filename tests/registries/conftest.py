"""Fixtures of this folder: two images, a build root that publishes them, and every kind of registry."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.build_root import BuildRoot
from support.build_root_pool import empty_build_root
from support.sites import SITES, Site

_BUILD = """\
file(name="shared", source="shared.txt")
oci_layer(name="common", dependencies=[":shared"])

file(name="large", source="large.bin")
oci_image(name="one", layers=[":common"], dependencies=[":large"])
oci_push(name="push-one", image=":one", repository="team/one")

file(name="small", source="small.txt")
oci_image(name="two", layers=[":common"], dependencies=[":small"])
oci_push(name="push-two", image=":two", repository="team/two", image_tags=["latest", "1.0"])
"""


@pytest.fixture(scope="session")
def shared_root() -> Iterator[BuildRoot]:
    with empty_build_root() as root:
        yield root


@pytest.fixture(scope="module")
def root(shared_root: BuildRoot) -> BuildRoot:
    """Two images that share a layer, one of them larger than nginx's limit; restored for each module."""
    large = random.Random(1).randbytes(2_500_000)  # incompressible
    shared_root.write({"team/BUILD": _BUILD, "team/shared.txt": "shared\n", "team/small.txt": "small\n"})
    shared_root.write({"team/large.bin": large})
    return shared_root


@pytest.fixture(scope="module", params=list(SITES))
def site(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Each kind of registry in turn."""
    with SITES[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def docker_config(tmp_path: Path) -> Path:
    """A folder for a `config.json`."""
    folder = tmp_path / "docker"
    folder.mkdir()
    return folder

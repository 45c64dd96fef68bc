"""A pull-through registry as a mirror: the client reads from it, and publishes to the registry directly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocikit.registry.client import RegistryClient
from ocikit.registry.options import RegistryOptions
from ocikit.registry.repository import RegistryRepository
from ocikit.spec.reference import parse_repository
from ocikit.store import store
from ocikit.store.layout import Layout
from support.build_root import BuildRoot
from support.sites import Site, pull_through

pytestmark = pytest.mark.container


def publish(root: BuildRoot, site: Site, mirror: Site) -> str:
    """Publish, and return the digest in the registry itself."""
    mirrored = replace(site, table={"mirrors": [mirror.address]})
    root.pants(mirrored.option, "publish", "team:push-two", env={"DOCKER_CONFIG": str(site.docker_config)})
    return site.registry.digest("team/two")


def copied(site: Site, options: RegistryOptions, name: str, folder: Path) -> Layout:
    layout = Layout(folder)
    with RegistryClient(site.address, options=options) as client:
        source = RegistryRepository(client, parse_repository(f"{site.address}/team/two"))
        store.copy(source, layout, name, "copy")
    layout.verify()
    return layout


def test_a_mirror_is_read_and_not_written(root: BuildRoot, tmp_path: Path) -> None:
    with pull_through(tmp_path) as (site, mirror):
        digest = publish(root, site, mirror)
        # A mirror may be outdated, so only the registry knows whether a tag must be moved.
        assert not [asked for asked in mirror.log() if "/manifests/" in asked.target]

        before = len(site.log()), len(mirror.log())
        copied(site, RegistryOptions(mirrors=(mirror.address,)), digest, tmp_path / "copy")
        assert [a for a in mirror.log()[before[1] :] if "/blobs/" in a.target and a.status == 200]
        asked_directly = [a for a in site.log()[before[0] :] if a.agent == "ocikit"]
        assert asked_directly == []


def test_a_mirror_that_is_gone(root: BuildRoot, tmp_path: Path) -> None:
    with pull_through(tmp_path) as (site, mirror):
        digest = publish(root, site, mirror)
        gone = RegistryOptions(mirrors=("127.0.0.1:1", mirror.address))
        copied(site, gone, digest, tmp_path / "copy")
        only_gone = RegistryOptions(mirrors=("127.0.0.1:1",))
        copied(site, only_gone, digest, tmp_path / "another-copy")


def test_a_change_is_published_past_a_mirror_that_has_the_old_one(root: BuildRoot, tmp_path: Path) -> None:
    with pull_through(tmp_path) as (site, mirror):
        old = publish(root, site, mirror)
        assert mirror.registry.digest("team/two") == old
        root.write({"team/small.txt": "newer\n"})
        new = publish(root, site, mirror)
        root.write({"team/small.txt": "small\n"})
        assert new != old
        assert publish(root, site, mirror) == old

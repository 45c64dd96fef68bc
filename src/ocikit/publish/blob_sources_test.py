"""Layers of a base go from its registry to the destinations, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocikit.progress import Meter, Progress
from ocikit.publish.blob_sources import BlobSources
from ocikit.publish.execute import execute_plan
from ocikit.publish.request import Destination
from ocikit.publish.steps import Mount, Plan, Upload
from ocikit.publish.stores import Stores
from ocikit.registry.options import RegistryOptions
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.media_type import OCI_LAYER
from ocikit.store.layout import Layout
from ocikit.testing.fake_registry import Break, Disturbance, FakeRegistry, Faults

DATA = b"layer" * 1000
LAYER = Descriptor(OCI_LAYER, Digest.of(DATA), len(DATA))
# More than is read together with the headers of a response.
LARGE = bytes(range(256)) * 1000
LARGE_LAYER = Descriptor(OCI_LAYER, Digest.of(LARGE), len(LARGE))


def carried_out(plan: Plan, base: Destination, root: Path, mirror: str = "", blob: Descriptor = LAYER) -> Progress:
    """Execute a plan; returns the final progress."""
    meter = Meter()
    options = {base.registry or "": RegistryOptions(mirrors=(mirror,))} if mirror else {}
    reading, writing = (
        Stores(str(root), {}, options, mirrors=mirrors, for_push=not mirrors, meter=meter) for mirrors in (True, False)
    )
    sources = BlobSources(str(root / "blobs"), plan, {str(blob.digest): base}, reading, writing)
    outcomes = execute_plan(plan, {}, writing, sources.opener)
    assert {place for place, _ in outcomes.stored} == {s.destination for s in plan.uploads} | {
        s.destination for s in plan.mounts
    }
    return meter.progress()


def test_it_is_streamed_to_another_registry(tmp_path: Path) -> None:
    with FakeRegistry() as base, FakeRegistry() as registry:
        base.put_blob("base", DATA)
        plan = Plan(uploads=(Upload(Destination(f"{registry.address}/app"), LAYER),))
        carried_out(plan, Destination(f"{base.address}/base"), tmp_path)
        assert registry.repositories["app"].blobs[str(LAYER.digest)] == DATA
        assert base.count("GET .*blobs") == 1
        assert list(tmp_path.iterdir()) == []


def test_layouts_share_a_download(tmp_path: Path) -> None:
    with FakeRegistry() as base:
        base.put_blob("base", DATA)
        places = [Destination(f"oci:dist/{name}") for name in ("one", "two", "three")]
        carried_out(
            Plan(uploads=tuple(Upload(place, LAYER) for place in places)), Destination(f"{base.address}/base"), tmp_path
        )
        assert base.count("GET .*blobs") == 1
        for name in ("one", "two", "three"):
            assert Path(Layout(tmp_path / "dist" / name).blob_path(LAYER.digest)).read_bytes() == DATA


@pytest.mark.parametrize("place", ["oci:dist/app", "{registry}/app"])
def test_a_download_that_ends_early_is_tried_again(tmp_path: Path, place: str) -> None:
    cut = Disturbance(f"GET .*{LARGE_LAYER.digest}", Break.TRUNCATED, times=1)
    with FakeRegistry(faults=Faults(disturbances=(cut,))) as base, FakeRegistry() as registry:
        base.put_blob("base", LARGE)
        plan = Plan(uploads=(Upload(Destination(place.format(registry=registry.address)), LARGE_LAYER),))
        progress = carried_out(plan, Destination(f"{base.address}/base"), tmp_path, blob=LARGE_LAYER)
        assert base.count("GET .*blobs") == 2
        assert (progress.transferred, progress.size, progress.streamed) == (len(LARGE), len(LARGE), {base.address: 1})


def test_a_mount_that_is_refused(tmp_path: Path) -> None:
    with FakeRegistry(faults=Faults(no_mount=True)) as registry:
        registry.put_blob("base", DATA)
        base = Destination(f"{registry.address}/base")
        plan = Plan(mounts=(Mount(Destination(f"{registry.address}/app"), LAYER, base),))
        progress = carried_out(plan, base, tmp_path)
        assert registry.repositories["app"].blobs[str(LAYER.digest)] == DATA
        assert (progress.transferred, progress.size) == (len(DATA), len(DATA))


def test_it_is_read_from_a_mirror(tmp_path: Path) -> None:
    with FakeRegistry() as base, FakeRegistry() as mirror, FakeRegistry() as registry:
        mirror.put_blob("base", DATA)
        plan = Plan(uploads=(Upload(Destination(f"{registry.address}/app"), LAYER),))
        carried_out(plan, Destination(f"{base.address}/base"), tmp_path, mirror.address)
        assert (base.requests, mirror.count("GET .*blobs")) == ([], 1)


def test_a_local_blob_is_not_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "blobs/sha256" / LAYER.digest.hex
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    with FakeRegistry() as base, FakeRegistry() as registry:
        plan = Plan(uploads=(Upload(Destination(f"{registry.address}/app"), LAYER),))
        carried_out(plan, Destination(f"{base.address}/base"), tmp_path)
        assert base.requests == []

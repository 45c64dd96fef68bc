"""Registries behind a proxy with limits: a publish finishes without unnecessary requests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from support.build_root import BuildRoot
from support.counting_proxy import CountingProxy
from support.sites import Site, body_limit, plain, rate_limit

pytestmark = pytest.mark.container

MIB = 1024 * 1024


def publish(root: BuildRoot, site: Site) -> tuple[Counter[tuple[str, int]], list[int]]:
    """Publish through a counting proxy; return requests by method and status, and the sizes of bodies."""
    with CountingProxy(site.address).running() as proxy:
        option = site.option.replace(site.address, proxy.address)
        root.pants(option, "publish", "::", env={"DOCKER_CONFIG": str(site.docker_config)})
        exchanges = proxy.take()
    assert site.registry.digest("team/one") and site.registry.digest("team/two", "1.0")
    return Counter((exchange.method, exchange.status) for exchange in exchanges), [e.body for e in exchanges]


def test_large_bodies_are_refused_once_and_then_sent_in_chunks(root: BuildRoot, tmp_path: Path) -> None:
    with body_limit(tmp_path) as site:
        requests, _ = publish(root, site)
        (layer,) = (d for d in site.registry.manifest("team/one")["layers"] if d["size"] > MIB)
        assert len(site.registry.get(f"team/one/blobs/{layer['digest']}").content) == layer["size"]
        # Only the first attempt is refused; the other layers fit.
        refused = sum(count for (_, status), count in requests.items() if status == 413)
        assert refused <= 2, requests
        chunks = requests["PATCH", 202]
        assert -(-layer["size"] // MIB) <= chunks <= layer["size"] // (512 * 1024) + 1, requests
        assert not [a for a in site.log() if a.status >= 500]


def test_limited_requests_are_tried_again_when_allowed(root: BuildRoot, tmp_path: Path) -> None:
    (tmp_path / "limited").mkdir()
    (tmp_path / "plain").mkdir()
    with plain(tmp_path / "plain") as site:
        needed, _ = publish(root, site)
    with rate_limit(tmp_path / "limited") as site:
        requests, _ = publish(root, site)
    refused = sum(count for (_, status), count in requests.items() if status == 429)
    done = sum(requests.values()) - refused
    assert refused > 0, "The limit was not reached, so the test shows nothing."
    # Before a new attempt, the client queries the progress of the upload, and whether the blob exists after all.
    assert done <= sum(needed.values()) + 2 * refused, (needed, requests)
    # Each pause is a second, in which all refused requests wait.
    assert refused <= sum(needed.values()), (needed, requests)

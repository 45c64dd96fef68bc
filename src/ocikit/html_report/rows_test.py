from __future__ import annotations

from dataclasses import replace

import pytest

from ocikit.html_report.labels import human_seconds, signed_bytes
from ocikit.html_report.rows import Image, images
from ocikit.publish.changes import Changes, LayerChange
from ocikit.publish.report import Outcome, Row
from ocikit.publish.transfers import TransferredLayer

OWN = LayerChange("sha256:own", 6_000_000, "web:files")
OLD = LayerChange("sha256:old", 4_000_000)
LAYERS = (
    TransferredLayer("sha256:base", 28_000_000, "//:base", (), "present"),
    TransferredLayer(OWN.digest, OWN.size, OWN.origin, (), "sent"),
)
ROW = Row("web:push", "lab", "web", "latest", "lab/web:latest", "sha256:1", "pushed", layers=LAYERS, size=34_000_000)


@pytest.mark.parametrize(
    "outcome, changes, why",
    [
        pytest.param("pushed", Changes(), "New: the tag named no image before.", id="new"),
        pytest.param("tagged", Changes(), "The image was already present; only the tag is new.", id="tagged"),
        pytest.param(
            "pushed",
            Changes("sha256:0", 32_000_000, True, (OWN,), (OLD,)),
            "1 layer is new (6.0 MB), 1 layer is removed (4.0 MB), the configuration differs.",
            id="changed",
        ),
        pytest.param("pushed", Changes("sha256:0", 34_000_000, True), "The configuration differs.", id="configuration"),
        pytest.param("pushed", Changes("sha256:0", 34_000_000), "Only the manifest differs.", id="manifest"),
        pytest.param(
            "pushed",
            Changes("sha256:0"),
            "Changed. The image that the tag named before could not be read.",
            id="unreadable",
        ),
    ],
)
def test_why(outcome: Outcome, changes: Changes, why: str) -> None:
    assert Image((replace(ROW, outcome=outcome, changes=changes),)).why() == why


def test_tags_of_one_image_are_grouped() -> None:
    other = replace(ROW, tag="1.0", reference="lab/web:1.0", outcome="failed", error="no.", layers=(), requests=2)
    elsewhere = replace(ROW, repository="shop")
    one, two = images((replace(ROW, requests=3), other, elsewhere))
    assert [row.tag for row in one.rows] == ["latest", "1.0"]
    assert (one.row, one.errors, one.place, one.total("requests")) == (other, ("no.",), "lab/web", 5)
    assert two.rows == (elsewhere,)


def test_a_layer_that_another_platform_keeps_is_not_removed() -> None:
    changes = Changes("sha256:0", 34_000_000, False, (), (replace(OWN, platforms=("linux/arm64",)), OLD))
    assert Image((replace(ROW, changes=changes),)).removed == (OLD,)


def test_words() -> None:
    assert [signed_bytes(count) for count in (5, 0, -1200)] == ["+5 B", "0 B", "\N{MINUS SIGN}1.2 kB"]
    assert [human_seconds(seconds) for seconds in (0.25, 1.0, 1234.5)] == ["250 ms", "1.0 s", "1,234.5 s"]

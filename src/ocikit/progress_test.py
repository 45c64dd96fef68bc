from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from ocikit.progress import Meter, Progress, due, line

NONE = Progress()


@pytest.mark.parametrize(
    "reported, news, seconds",
    [
        pytest.param([], True, 5, id="first"),
        pytest.param([], False, 5, id="first-although-nothing-moved"),
        pytest.param([5], True, 15, id="second"),
        pytest.param([5, 15], True, 35, id="third"),
        pytest.param([5, 15, 35], True, 75, id="fourth"),
        pytest.param([5, 15, 35, 75], True, 135, id="a-minute-at-most"),
        pytest.param([*range(5, 5000)], True, 4999 + 60, id="hours-later"),
        pytest.param([5], False, 65, id="nothing-moved"),
        pytest.param([7.5], True, 17.5, id="counted-from-the-last-one"),
    ],
)
def test_when_a_line_is_due(reported: Sequence[float], news: bool, seconds: float) -> None:
    assert due(reported, news=news) == seconds


@pytest.mark.parametrize(
    "progress, before, text",
    [
        pytest.param(NONE, NONE, "Published no images", id="nothing-known"),
        pytest.param(Progress(3, 20), NONE, "Published 3 of 20 images", id="no-bytes"),
        pytest.param(
            Progress(3, 20, 34_000_000, 120_000_000),
            Progress(0, 20, 4_000_000, 120_000_000),
            "Published 3 of 20 images; 34.0 of 120.0 MB sent, 3.0 MB/s",
            id="speed-since-the-last-line",
        ),
        pytest.param(
            Progress(3, 2000, pauses={"a.example": 104.2, "b.example": 99.0}, asked=("b.example",)),
            Progress(3, 2000),
            "Published 3 of 2,000 images; waiting for a.example, 5 s",
            id="a-pause-that-is-not-over",
        ),
        pytest.param(
            Progress(3, 20, 5, 10, asked=("a.example", "b.example")),
            Progress(3, 20, 5, 10),
            "Published 3 of 20 images; 5 of 10 B sent; waiting for an answer from a.example, b.example",
            id="no-news",
        ),
        pytest.param(
            Progress(3, 20, streamed={"a.example": 1, "b.example": 2}),
            NONE,
            "Published 3 of 20 images; 1 layer of bases came from a.example; 2 layers of bases came from b.example",
            id="streamed",
        ),
    ],
)
def test_a_line(progress: Progress, before: Progress, text: str) -> None:
    assert line("Published", "images", progress, before, now=100.0, seconds=10.0) == text


def test_bytes_that_are_sent_again_count_once() -> None:
    meter = Meter()
    meter.expect(1, [("blob", 6)])
    for _ in range(2):
        stream = meter.counted(io.BytesIO(b"abcdef"), "blob", 6)
        while stream.read(4):
            pass
    assert (meter.progress().transferred, meter.progress().size) == (6, 6)
    meter.transferred("blob", 4)
    assert meter.progress().transferred == 6


def test_bytes_count_when_the_reader_asks_for_more() -> None:
    meter = Meter()
    stream = meter.counted(io.BytesIO(b"abcdef"), "blob", 6)
    stream.read(4)
    assert meter.progress().transferred == 0
    stream.read(4)
    assert meter.progress().transferred == 4


def test_hosts_with_open_requests() -> None:
    meter = Meter()
    with meter.waiting_for("a.example"), meter.waiting_for(None), meter.waiting_for("a.example"):
        assert meter.progress().asked == ("a.example",)
    assert meter.progress().asked == ()

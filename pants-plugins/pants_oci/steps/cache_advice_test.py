from __future__ import annotations

import pytest

from pants_oci.steps.cache_advice import cache_advice


@pytest.mark.parametrize(
    "content, reads_remotely, writes_images, told",
    [
        pytest.param("fetch", True, False, True, id="all-layers-come-for-nothing"),
        pytest.param("fetch", False, False, False, id="from-nowhere"),
        pytest.param("fetch", True, True, False, id="all-are-written-to-dist"),
        pytest.param("validate", True, False, False, id="looked-at-only"),
        pytest.param("defer", True, False, False, id="not-even-looked-at"),
    ],
)
def test_cache_advice(content: str, reads_remotely: bool, writes_images: bool, told: bool) -> None:
    text = cache_advice(content, reads_remotely=reads_remotely, writes_images=writes_images)
    assert bool(text) == told
    if text:
        assert 'cache_content_behavior = "validate"' in text

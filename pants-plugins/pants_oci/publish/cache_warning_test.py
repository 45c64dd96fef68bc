from __future__ import annotations

import pytest

from pants_oci.publish.cache_warning import cache_advice


@pytest.mark.parametrize(
    "content, reads_remotely, writes_images, expected",
    [
        pytest.param("fetch", True, False, True, id="all-layers-are-downloaded"),
        pytest.param("fetch", False, False, False, id="no-remote-cache"),
        pytest.param("fetch", True, True, False, id="packaged"),
        pytest.param("validate", True, False, False, id="validate"),
        pytest.param("defer", True, False, False, id="defer"),
    ],
)
def test_cache_advice(content: str, reads_remotely: bool, writes_images: bool, expected: bool) -> None:
    text = cache_advice(content, reads_remotely=reads_remotely, writes_images=writes_images)
    assert bool(text) == expected
    if text:
        assert 'cache_content_behavior = "validate"' in text

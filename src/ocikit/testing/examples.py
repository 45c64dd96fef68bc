"""How many examples Hypothesis tries, and that the time which they take on a busy machine is not a defect."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# `./test` tries all examples on one Python, and sets this variable on the others.
_SHARE = 10 if "OCIKIT_TEST_FEW_EXAMPLES" in os.environ else 1


def examples(count: int) -> settings:
    """Settings for this many examples, or a tenth of them."""
    return settings(max_examples=count // _SHARE, deadline=None, suppress_health_check=list(HealthCheck))

"""For every test of the library: how long a busy machine takes to make or to try an example is not a defect."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# As Hypothesis does by default: CI tries the same examples each time, so that a change fails for what it changed.
# Everyone else tries new ones.
settings.register_profile(
    "unhurried",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")

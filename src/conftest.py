"""The examples of Hypothesis, for every test of the library."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from ocikit.testing.examples import examples

# As Hypothesis does by default: CI tries the same examples each time, so that a change fails for what it changed.
# Everyone else tries new ones.
settings.register_profile(
    "unhurried",
    examples(100),
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")

"""The output of `pants help-all`, for the tests that compare pages with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.build_root import BuildRoot


@pytest.fixture(scope="session")
def help_all(examples_root: BuildRoot) -> dict[str, Any]:
    """All goals, options and targets of Pants with this project's backends, from `pants help-all`."""
    info: dict[str, Any] = json.loads(examples_root.pants("help-all").stdout)
    return info

"""Every page of the reference, by file name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reference import library, options, report, targets

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def pages() -> Mapping[str, str]:
    """The content of docs/reference, the same on every machine."""
    return {
        "targets.md": targets.page(),
        "options.md": options.page(),
        "report.md": report.page(),
        "report.schema.json": json.dumps(report.schema(), indent=2) + "\n",
        "ocikit.md": library.page(),
    }

"""The public modules of ocikit, in the order of the reference.

In each, the names in `__all__` are public. docs/versioning.md promises these modules, and docs/ocikit.md introduces
them; `tests/docs/public_modules_test.py` compares the lists.
"""

from __future__ import annotations

PUBLIC_MODULES = (
    "ocikit",
    "ocikit.settings",
    "ocikit.layer.build",
    "ocikit.layer.files",
    "ocikit.layout",
    "ocikit.archive",
    "ocikit.destination",
    "ocikit.looking.reading",
    "ocikit.verify",
    "ocikit.progress",
    "ocikit.errors",
)

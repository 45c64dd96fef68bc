"""The public modules of ocikit, in the order of the reference.

In each, the names in `__all__` are public. docs/versioning.md promises these modules, and docs/ocikit.md introduces
them; `tests/docs/public_modules_test.py` compares the lists.
"""

from __future__ import annotations

PUBLIC_MODULES = (
    "ocikit",
    "ocikit.spec.container_settings",
    "ocikit.layer.write",
    "ocikit.layer.contents",
    "ocikit.store.layout",
    "ocikit.store.archive",
    "ocikit.location",
    "ocikit.inspect.read",
    "ocikit.store.verify",
    "ocikit.progress",
    "ocikit.errors",
)

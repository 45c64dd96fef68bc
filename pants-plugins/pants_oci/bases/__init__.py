"""Base images: from layouts, archives and registries, and the lock file."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.bases import (
    base,
    base_chain,
    lock_process,
    lockfile,
    lockfile_target,
    registry_base,
)


def rules() -> Iterable[object]:
    return (
        *base.rules(),
        *base_chain.rules(),
        *lock_process.rules(),
        *lockfile.rules(),
        *lockfile_target.rules(),
        *registry_base.rules(),
    )

"""A publish run: what it is about, what it asks and what it sends."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.publish import cache_warning, git, mode, placeholder_values, push, registry_processes, run, scope


def rules() -> Iterable[object]:
    return (
        *cache_warning.rules(),
        *git.rules(),
        *mode.rules(),
        *placeholder_values.rules(),
        *push.rules(),
        *registry_processes.rules(),
        *run.rules(),
        *scope.rules(),
    )

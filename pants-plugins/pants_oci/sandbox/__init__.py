"""Calls of the program that runs in sandboxes: its processes, and what they are given."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.sandbox import configured_registries, environment_socket, pex, process


def rules() -> Iterable[object]:
    return (
        *configured_registries.rules(),
        *environment_socket.rules(),
        *pex.rules(),
        *process.rules(),
    )

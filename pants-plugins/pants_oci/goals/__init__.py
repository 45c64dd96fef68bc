"""The goals that this backend adds or joins. Each is thin and calls the steps."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.goals import deploy, diff, inspect, lock, package, package_deployment, publish, render, run, tailor


def rules() -> Iterable[object]:
    return (
        *deploy.rules(),
        *diff.rules(),
        *inspect.rules(),
        *lock.rules(),
        *package.rules(),
        *package_deployment.rules(),
        *publish.rules(),
        *render.rules(),
        *run.rules(),
        *tailor.rules(),
    )

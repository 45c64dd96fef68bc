"""Build reproducible container images from the dependency graph, without Docker, and publish what changed."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python import target_types_rules
from pants.backend.python.goals import package_pex_binary
from pants.backend.python.util_rules import pex, pex_from_targets
from pants.core.util_rules import archive, source_files, stripped_source_files
from pants.engine.target import Target

from pants_oci import (
    bases,
    dependency_inference,
    deploy,
    goals,
    images,
    layers,
    publish,
    python_app,
    sandbox,
    target_addresses,
)
from pants_oci.subsystem import Ocikit
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.deployment import OciDeploymentTarget
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.index import OciIndexTarget
from pants_oci.targets.layer import OciLayerTarget
from pants_oci.targets.push import OciPushTarget


def target_types() -> Iterable[type[Target]]:
    return (OciBaseTarget, OciDeploymentTarget, OciImageTarget, OciIndexTarget, OciLayerTarget, OciPushTarget)


def rules() -> Iterable[object]:
    return (
        *bases.rules(),
        *dependency_inference.rules(),
        *deploy.rules(),
        *goals.rules(),
        *images.rules(),
        *layers.rules(),
        *publish.rules(),
        *python_app.rules(),
        *sandbox.rules(),
        *target_addresses.rules(),
        *Ocikit.rules(),
        # Our rules need these without the Python backend, too, which registers them.
        *archive.rules(),
        *package_pex_binary.rules(),
        *pex.rules(),
        *pex_from_targets.rules(),
        *source_files.rules(),
        *stripped_source_files.rules(),
        *target_types_rules.rules(),
    )

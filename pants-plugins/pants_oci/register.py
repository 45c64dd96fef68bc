"""Container images from the dependency graph, without Docker: built bit for bit the same, published where changed."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python import target_types_rules
from pants.backend.python.goals import package_pex_binary
from pants.backend.python.util_rules import pex, pex_from_targets
from pants.core.util_rules import archive, source_files, stripped_source_files
from pants.engine.target import Target

from pants_oci import dependency_inference, subsystem
from pants_oci.goals import package, publish
from pants_oci.steps import (
    base,
    contents,
    git,
    handed_over,
    image,
    image_blobs,
    layer,
    ocikit_process,
    parts,
    placeholders,
    publish_run,
    python_application,
    python_compile,
    python_distributions,
    python_interpreter,
    registries_process,
    run_scope,
    wanted,
)
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.layer import OciLayerTarget
from pants_oci.targets.push import OciPushTarget


def target_types() -> Iterable[type[Target]]:
    return (OciBaseTarget, OciImageTarget, OciLayerTarget, OciPushTarget)


def rules() -> Iterable[object]:
    return (
        *archive.rules(),
        *base.rules(),
        *contents.rules(),
        *dependency_inference.rules(),
        *git.rules(),
        *handed_over.rules(),
        *image.rules(),
        *image_blobs.rules(),
        *layer.rules(),
        *ocikit_process.rules(),
        *package.rules(),
        # Where the Python backend is enabled these are there; where it is not, ours still need them.
        *package_pex_binary.rules(),
        *parts.rules(),
        *pex.rules(),
        *pex_from_targets.rules(),
        *publish.rules(),
        *placeholders.rules(),
        *publish_run.rules(),
        *python_application.rules(),
        *python_compile.rules(),
        *python_distributions.rules(),
        *python_interpreter.rules(),
        *registries_process.rules(),
        *run_scope.rules(),
        *source_files.rules(),
        *stripped_source_files.rules(),
        *subsystem.Ocikit.rules(),
        *target_types_rules.rules(),
        *wanted.rules(),
    )

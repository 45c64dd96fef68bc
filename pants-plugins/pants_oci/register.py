"""Container images from the dependency graph, without Docker: built bit for bit the same, published where changed."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python.util_rules import pex
from pants.core.util_rules import archive, source_files, stripped_source_files
from pants.engine.target import Target

from pants_oci import dependency_inference, lockfile_target, subsystem
from pants_oci.goals import lock, package, publish
from pants_oci.steps import (
    base,
    contents,
    git,
    handed_over,
    image,
    image_blobs,
    layer,
    layout_base,
    lock_process,
    lockfile,
    ocikit_process,
    parts,
    placeholders,
    publish_run,
    registries_process,
    registry_base,
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
        *layout_base.rules(),
        *lock.rules(),
        *lock_process.rules(),
        *lockfile.rules(),
        *lockfile_target.rules(),
        *ocikit_process.rules(),
        *package.rules(),
        *parts.rules(),
        *pex.rules(),
        *publish.rules(),
        *placeholders.rules(),
        *publish_run.rules(),
        *registries_process.rules(),
        *registry_base.rules(),
        *run_scope.rules(),
        *source_files.rules(),
        *stripped_source_files.rules(),
        *subsystem.Ocikit.rules(),
        *wanted.rules(),
    )

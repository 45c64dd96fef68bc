"""Build reproducible container images from the dependency graph, without Docker, and publish what changed."""

from __future__ import annotations

from collections.abc import Iterable

from pants.backend.python import target_types_rules
from pants.backend.python.goals import package_pex_binary
from pants.backend.python.util_rules import pex, pex_from_targets
from pants.core.util_rules import archive, source_files, stripped_source_files
from pants.engine.target import Target

from pants_oci import dependency_inference, lockfile_target, subsystem
from pants_oci.goals import deploy, diff, inspect, lock, package, package_deployment, publish, render, run, tailor
from pants_oci.steps import (
    applied,
    archived_base,
    base,
    cache_advice,
    committed_files,
    compared,
    configured_registries,
    contents,
    deployment_files,
    engine,
    git,
    handed_over,
    image,
    image_blobs,
    index,
    layer,
    layer_files,
    layout_base,
    lineage,
    lock_process,
    lockfile,
    manifests,
    named,
    named_pushes,
    ocikit_process,
    ocikit_tool,
    own_environment,
    own_layers,
    parts,
    placeholders,
    present_images,
    publish_run,
    python_application,
    python_compile,
    python_distributions,
    python_interpreter,
    registries_process,
    registry_base,
    remote_images,
    rendered,
    run_mode,
    run_scope,
    tool_process,
    unseen,
    wanted,
)
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
        *applied.rules(),
        *archive.rules(),
        *base.rules(),
        *cache_advice.rules(),
        *committed_files.rules(),
        *compared.rules(),
        *configured_registries.rules(),
        *contents.rules(),
        *dependency_inference.rules(),
        *deploy.rules(),
        *deployment_files.rules(),
        *diff.rules(),
        *engine.rules(),
        *git.rules(),
        *handed_over.rules(),
        *image.rules(),
        *image_blobs.rules(),
        *index.rules(),
        *inspect.rules(),
        *layer.rules(),
        *layer_files.rules(),
        *archived_base.rules(),
        *layout_base.rules(),
        *lineage.rules(),
        *lock.rules(),
        *lock_process.rules(),
        *lockfile.rules(),
        *lockfile_target.rules(),
        *manifests.rules(),
        *named.rules(),
        *named_pushes.rules(),
        *ocikit_process.rules(),
        *ocikit_tool.rules(),
        *own_environment.rules(),
        *own_layers.rules(),
        *package.rules(),
        *package_deployment.rules(),
        # Our rules need these without the Python backend, too, which registers them.
        *package_pex_binary.rules(),
        *parts.rules(),
        *pex.rules(),
        *pex_from_targets.rules(),
        *present_images.rules(),
        *publish.rules(),
        *placeholders.rules(),
        *publish_run.rules(),
        *python_application.rules(),
        *python_compile.rules(),
        *python_distributions.rules(),
        *python_interpreter.rules(),
        *registries_process.rules(),
        *registry_base.rules(),
        *remote_images.rules(),
        *render.rules(),
        *rendered.rules(),
        *run.rules(),
        *run_mode.rules(),
        *run_scope.rules(),
        *source_files.rules(),
        *stripped_source_files.rules(),
        *subsystem.Ocikit.rules(),
        *tailor.rules(),
        *target_types_rules.rules(),
        *tool_process.rules(),
        *unseen.rules(),
        *wanted.rules(),
    )

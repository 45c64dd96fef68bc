"""`pants package`: write rendered manifests, with the files next to them, below `dist/`."""

from __future__ import annotations

from collections.abc import Iterable

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact
from pants.engine.fs import AddPrefix
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from pants_oci.compat import add_prefix, by_name
from pants_oci.deploy.compare import CheckCommittedRequest, call_check_committed
from pants_oci.deploy.render import RenderRequest, call_render, warn_of_skipped
from pants_oci.goals.packaged import Packaged
from pants_oci.targets.deployment_field_set import DeploymentFieldSet


@rule(desc="Package an OCI deployment", level=LogLevel.DEBUG)
async def package_deployment(field_set: DeploymentFieldSet) -> Packaged:
    await call_check_committed(CheckCommittedRequest(field_set))
    rendered = await call_render(RenderRequest(field_set))
    path = field_set.output_path.value_or_default(file_ending=None)
    digest = await add_prefix(AddPrefix(rendered.digest, path))
    warn_of_skipped(field_set.address, rendered.images)
    lines = tuple(f"  {image.reference}" for image in rendered.images)
    return Packaged(BuiltPackage(digest, (BuiltPackageArtifact(path, lines),)))


call_package_deployment = by_name(package_deployment, Packaged, DeploymentFieldSet)


def rules() -> Iterable[object]:
    return collect_rules()

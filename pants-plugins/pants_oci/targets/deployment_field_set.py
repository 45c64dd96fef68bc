"""The fields of an `oci_deployment` that the steps read."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.deploy import DeployFieldSet
from pants.core.goals.package import OutputPathField

from pants_oci.targets.deployment import (
    OciDeploymentArgumentsField,
    OciDeploymentCommandField,
    OciDeploymentContextField,
    OciDeploymentDependenciesField,
    OciDeploymentNamespaceField,
    OciDeploymentRegistryField,
    OciDeploymentRenderedDirField,
    OciDeploymentSourcesField,
    OciDeploymentStackField,
    OciDeploymentToolField,
)


@dataclass(frozen=True)
class DeploymentFieldSet(DeployFieldSet):
    required_fields = (OciDeploymentSourcesField, OciDeploymentToolField)

    sources: OciDeploymentSourcesField
    dependencies: OciDeploymentDependenciesField
    tool: OciDeploymentToolField
    command: OciDeploymentCommandField
    arguments: OciDeploymentArgumentsField
    context: OciDeploymentContextField
    namespace: OciDeploymentNamespaceField
    stack: OciDeploymentStackField
    registry: OciDeploymentRegistryField
    rendered_dir: OciDeploymentRenderedDirField
    output_path: OutputPathField

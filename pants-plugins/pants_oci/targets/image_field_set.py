"""The fields of an `oci_image` that the steps read."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior

import ocikit
from ocikit.spec import container_settings
from pants_oci.compat import (
    EnvironmentField,
)
from pants_oci.targets.image import (
    OciImageAnnotationsField,
    OciImageArgsField,
    OciImageBaseField,
    OciImageDependenciesField,
    OciImageEntrypointField,
    OciImageEnvField,
    OciImageHealthcheckField,
    OciImageLabelsField,
    OciImageLayersField,
    OciImagePlatformField,
    OciImagePortsField,
    OciImageStopSignalField,
    OciImageUserField,
    OciImageVolumesField,
    OciImageWorkdirField,
    OciPackageFormatField,
)
from pants_oci.targets.layer import OciDirectoryField
from pants_oci.targets.python import (
    OciImagePexCollisionsField,
    OciImagePexCompileField,
    OciImagePexLayersField,
    OciPythonField,
)


@dataclass(frozen=True)
class ImageFieldSet(RunFieldSet):
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED
    required_fields = (OciImageDependenciesField, OciImagePlatformField)

    dependencies: OciImageDependenciesField
    base: OciImageBaseField
    layers: OciImageLayersField
    directory: OciDirectoryField
    entrypoint: OciImageEntrypointField
    args: OciImageArgsField
    env: OciImageEnvField
    workdir: OciImageWorkdirField
    user: OciImageUserField
    ports: OciImagePortsField
    volumes: OciImageVolumesField
    labels: OciImageLabelsField
    annotations: OciImageAnnotationsField
    stop_signal: OciImageStopSignalField
    healthcheck: OciImageHealthcheckField
    platform: OciImagePlatformField
    python: OciPythonField
    pex_layers: OciImagePexLayersField
    pex_collisions: OciImagePexCollisionsField
    pex_compile: OciImagePexCompileField
    package_format: OciPackageFormatField
    environment: EnvironmentField
    output_path: OutputPathField

    def settings(self) -> ocikit.ContainerSettings:
        """The settings of its containers. The fields have validated their values."""
        healthcheck = self.healthcheck.value
        return ocikit.ContainerSettings(
            entrypoint=self.entrypoint.value,
            args=self.args.value,
            env=self.env.value or {},
            workdir=self.workdir.value,
            user=self.user.value,
            ports=tuple(p for text in self.ports.value or () for p in container_settings.parse_port(text)),
            volumes=self.volumes.value or (),
            labels=self.labels.value or {},
            stop_signal=self.stop_signal.value,
            healthcheck=container_settings.parse_healthcheck(healthcheck) if healthcheck else None,
        )

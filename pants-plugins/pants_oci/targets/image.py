"""`oci_image`: an image for one platform."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from pants.core.goals.package import OutputPathField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Field,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from ocikit.spec import container_settings
from ocikit.spec.platform import Platform
from pants_oci.errors import OciFieldError
from pants_oci.targets.layer import OciDirectoryField, OciEnvironmentField
from pants_oci.targets.packaged import OciPackagedDependenciesField
from pants_oci.targets.python import (
    OciImagePexCollisionsField,
    OciImagePexCompileField,
    OciImagePexLayersField,
    OciPythonField,
)
from pants_oci.targets.validation import CheckedDictField, CheckedStringField, CheckedStringsField, check


class OciImageDependenciesField(OciPackagedDependenciesField):
    help = help_text(
        """
        The contents of the image: `file`, `files`, `resource`, `resources` and `relocated_files` targets, and any
        target that the `package` goal can build, such as `pex_binary`. Pants unpacks an `archive`.

        Every package becomes a layer of its own; files and resources share one layer above them. A `pex_binary` becomes
        several layers, as `pex_layers` says.

        Example: `dependencies=[":server", "web:assets"]`
        """
    )


class OciImageBaseField(StringField):
    alias = "base"
    help = help_text(
        """
        The image to build on: the address of an `oci_base` or of another `oci_image`, such as `base="//images:python"`.
        By default, the image has no base (`scratch`).

        Environment variables, labels, ports and volumes are merged with those of the base. Other settings replace those
        of the base, and a new `entrypoint` discards its `args`.
        """
    )


class OciImageLayersField(StringSequenceField):
    alias = "layers"
    help = help_text(
        """
        Addresses of `oci_layer` targets, the lowest first, such as `layers=["//images:certificates", ":assets"]`. They
        are above the base and below the layers of `dependencies`.
        """
    )


class OciImageEntrypointField(StringSequenceField):
    alias = "entrypoint"
    help = help_text(
        """
        The program that a container runs, and its first arguments, such as `entrypoint=["/app/server", "-v"]`.
        """
    )


class OciImageArgsField(StringSequenceField):
    alias = "args"
    help = help_text(
        """
        Arguments after the `entrypoint`, which arguments of `docker run` replace (Docker's `CMD`), such as
        `args=["serve", "--port=8080"]`.
        """
    )


class OciImageEnvField(CheckedDictField):
    alias = "env"
    parse = staticmethod(container_settings.parse_env)
    help = help_text(
        """
        Environment variables of the container, such as `env={"LOG_LEVEL": "info"}`.
        """
    )


class OciImageWorkdirField(CheckedStringField):
    alias = "workdir"
    parse = staticmethod(container_settings.parse_workdir)
    help = help_text(
        """
        The working directory of the container, an absolute path, such as `workdir="/srv"`.
        """
    )


class OciImageUserField(CheckedStringField):
    alias = "user"
    parse = staticmethod(container_settings.parse_user)
    help = help_text(
        """
        The user that the container runs as: `user`, `uid`, `user:group` or `uid:gid`, such as `user="1000:1000"`. By
        default, that of the base, or root.
        """
    )


class OciImagePortsField(CheckedStringsField):
    alias = "ports"
    parse = staticmethod(container_settings.parse_port)
    help = help_text(
        """
        The ports that the container listens on, such as `ports=["8080/tcp", "53/udp", "8000-8010"]`.
        """
    )


class OciImageVolumesField(CheckedStringsField):
    alias = "volumes"
    parse = staticmethod(container_settings.parse_volume)
    help = help_text(
        """
        Absolute paths of directories for data that is not in the image, such as `volumes=["/var/lib/shop"]`.
        """
    )


class OciImageLabelsField(CheckedDictField):
    alias = "labels"
    parse = staticmethod(container_settings.parse_labels)
    help = help_text(
        """
        Labels of the image config, which `docker inspect` shows, such as `labels={"team": "shop"}`.
        """
    )


class OciImageAnnotationsField(CheckedDictField):
    alias = "annotations"
    parse = staticmethod(container_settings.parse_annotations)
    help = help_text(
        """
        Annotations of the image manifest, which registries show, such as
        `annotations={"org.opencontainers.image.source": "https://git.example/shop"}`.
        """
    )


class OciImageStopSignalField(CheckedStringField):
    alias = "stop_signal"
    parse = staticmethod(container_settings.parse_stop_signal)
    help = help_text(
        """
        The signal that asks the container to exit, such as `stop_signal="SIGINT"`. By default SIGTERM.
        """
    )


class OciImageHealthcheckField(Field):
    alias = "healthcheck"
    default = None
    value: FrozenDict[str, Any] | None
    help = help_text(
        """
        The health check of the container: a dictionary with `test` (a list, or a string for the shell; `"NONE"` turns
        off that of the base) and, optionally, `interval`, `timeout`, `start_period` (such as `"30s"`) and `retries`.

        Example: `healthcheck={"test": ["/app/server", "--check"], "interval": "30s", "retries": 3}`
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[Dict[str, Any]], address: Address) -> Optional[FrozenDict[str, Any]]:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise OciFieldError(f"{address}: the `{cls.alias}` field must be a dictionary, got {value!r}.")
        check(container_settings.parse_healthcheck, value, alias=cls.alias, address=address)
        frozen: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return FrozenDict(frozen)


class OciImagePlatformField(CheckedStringField):
    alias = "platform"
    parse = staticmethod(Platform.parse)
    default = "linux/amd64"
    value: str
    help = help_text(
        """
        The platform of the image: `os/architecture` or `os/architecture/variant`, such as `platform="linux/arm64"`.
        With `platform=parametrize("linux/amd64", "linux/arm64")`, one target is an image for each.
        """
    )


class OciPackageFormatField(StringField):
    alias = "package_format"
    valid_choices = ("layout", "archive")
    help = help_text(
        """
        The format that `package` writes: `layout`, a directory (an OCI image layout), or `archive`, one tar that
        `docker load`, `podman load` and `skopeo` read. By default, `[oci].package_format`.

        Example: `package_format="archive"`
        """
    )


class OciOutputPathField(OutputPathField):
    help = help_text(
        """
        The path below `dist/` to which `package` writes the result, such as `output_path="images/web"`. By default, the
        folder of the BUILD file with dots for slashes, and the target's name: `services.web/image`.
        """
    )


class OciImageTarget(Target):
    alias = "oci_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciImageDependenciesField,
        OciImageBaseField,
        OciImageLayersField,
        OciDirectoryField,
        OciImageEntrypointField,
        OciImageArgsField,
        OciImageEnvField,
        OciImageWorkdirField,
        OciImageUserField,
        OciImagePortsField,
        OciImageVolumesField,
        OciImageLabelsField,
        OciImageAnnotationsField,
        OciImageStopSignalField,
        OciImageHealthcheckField,
        OciImagePlatformField,
        OciPythonField,
        OciImagePexLayersField,
        OciImagePexCollisionsField,
        OciImagePexCompileField,
        OciPackageFormatField,
        OciEnvironmentField,
        OciOutputPathField,
    )
    help = help_text(
        """
        A container image for one platform, built without Docker and bit for bit the same on every machine.

        `package` writes it below `dist/`, as an OCI image layout or as an archive (`package_format`), and `run` runs
        it in Docker or Podman. Name it in `image` of an `oci_push` to publish it.

        Example:

            oci_image(
                name="image",
                base=":python",
                dependencies=[":server", ":assets"],
                user="1000:1000",
                ports=["8080/tcp"],
            )
        """
    )

"""`oci_push`: where an image is published."""

from __future__ import annotations

from typing import Optional

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from pants_oci.errors import OciFieldError
from pants_oci.placeholders import PLACEHOLDERS_HELP
from pants_oci.registries import ALL_DEFAULT_REGISTRIES
from pants_oci.targets.packaged import OciPackagedDependenciesField


class OciPushDependenciesField(OciPackagedDependenciesField):
    help = help_text(
        """
        Pants infers `image`. Add targets whose changes select this target for `--changed-since`:
        `dependencies=["//images:refresh"]`.
        """
    )


class OciPushImageField(StringField):
    alias = "image"
    required = True
    value: str
    help = help_text(
        """
        The address of the `oci_image` or `oci_index` to publish, such as `image=":image"`.
        """
    )


class OciPushRepositoryField(StringField):
    alias = "repository"
    help = help_text(
        f"""
        The repository in the registry, such as `repository="shop/web"`. By default, `[oci].default_repository`, or the
        registry's own `repository`.

        With a registry's host in front, such as `repository="ghcr.io/acme/web"`, the image is published there, and
        `registries` must be left out.

        {PLACEHOLDERS_HELP}
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value == "":
            raise OciFieldError(
                f"{address}: the `{cls.alias}` field is empty; leave it out for `[oci].default_repository`."
            )
        return value


class OciPushRegistriesField(StringSequenceField):
    alias = "registries"
    default = (ALL_DEFAULT_REGISTRIES,)
    help = help_text(
        f"""
        Where to publish: `"@alias"` for a registry of `[oci].registries`, an address such as
        `"registry.example:5000/team"`, or a directory of OCI layouts such as `"oci:dist/registry"`.

        By default, every configured registry that has `default = true`, or Docker Hub if no registry is configured.
        `{ALL_DEFAULT_REGISTRIES}` in a list means these.

        Example: `registries=["@ghcr", "registry.example:5000/team"]`
        """
    )


class OciPushImageTagsField(StringSequenceField):
    alias = "image_tags"
    default = ("latest",)
    help = help_text(
        f"""
        The tags of the image, such as `image_tags=["latest", "{{git.short_sha}}"]`.

        Tags never change the image: a new commit with the same content costs one small request.

        {PLACEHOLDERS_HELP}
        """
    )


class OciPushSkipField(BoolField):
    alias = "skip_push"
    default = False
    help = help_text(
        """
        Do not publish with `publish ::`; `package` still writes what would be published: `skip_push=True`.
        """
    )


class OciPushTarget(Target):
    alias = "oci_push"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciPushDependenciesField,
        OciPushImageField,
        OciPushRepositoryField,
        OciPushRegistriesField,
        OciPushImageTagsField,
        OciPushSkipField,
    )
    help = help_text(
        """
        The registries, the repository and the tags for an `oci_image` or `oci_index`. `publish` builds the image, asks
        each registry whether the tags already have its digest, and uploads only missing content.

        Example:

            oci_push(
                name="push",
                image=":image",
                repository="shop/web",
                image_tags=["latest", "{git.short_sha}"],
            )
        """
    )

"""`oci_index`: one name for images of several platforms."""

from __future__ import annotations

from typing import Iterable, Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from ocikit.spec import container_settings
from pants_oci.errors import OciFieldError
from pants_oci.targets.image import OciOutputPathField, OciPackageFormatField
from pants_oci.targets.packaged import OciPackagedDependenciesField
from pants_oci.targets.validation import CheckedDictField


class OciIndexDependenciesField(OciPackagedDependenciesField):
    help = help_text(
        """
        Pants infers `images`. Add targets whose changes count as changes of the index for `--changed-since`:
        `dependencies=["//images:refresh"]`.
        """
    )


class OciIndexImagesField(StringSequenceField):
    alias = "images"
    required = True
    value: Tuple[str, ...]
    help = help_text(
        """
        Addresses of `oci_image` targets, each for another platform, such as `images=[":image"]`. The address of one
        with `platform=parametrize("linux/amd64", "linux/arm64")` means all of its images; `:image@platform=linux/amd64`
        means one.

        The order does not matter: in the index, images are sorted by platform.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[Iterable[str]], address: Address) -> Optional[Tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        if not value:
            raise OciFieldError(f"{address}: the `{cls.alias}` field is empty; name an `oci_image` for each platform.")
        return value


class OciIndexAnnotationsField(CheckedDictField):
    alias = "annotations"
    parse = staticmethod(container_settings.parse_annotations)
    help = help_text(
        """
        Annotations of the index, which registries show, such as
        `annotations={"org.opencontainers.image.source": "https://git.example/shop"}`.
        """
    )


class OciIndexTarget(Target):
    alias = "oci_index"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciIndexDependenciesField,
        OciIndexImagesField,
        OciIndexAnnotationsField,
        OciPackageFormatField,
        OciOutputPathField,
    )
    help = help_text(
        """
        One name for images of several platforms. A client that pulls it gets the image for its own platform.

        `package` writes it below `dist/` with its images. Name it in `image` of an `oci_push` to publish it.

        Example:

            oci_image(name="image", platform=parametrize("linux/amd64", "linux/arm64"), dependencies=[":site"])
            oci_index(name="index", images=[":image"])
            oci_push(name="push", image=":index", repository="shop/web")
        """
    )

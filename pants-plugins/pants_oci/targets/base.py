"""`oci_base`: an image to build on."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Optional

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    SourcesField,
    Target,
)
from pants.util.strutil import help_text

from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference
from pants_oci.errors import OciFieldError
from pants_oci.targets.python import OciPythonField
from pants_oci.targets.validation import CheckedStringField, CheckedStringsField


class OciBaseDependenciesField(Dependencies):
    help = help_text(
        """
        Pants infers the lock file if the base is locked there. Add targets whose changes count as changes of the base
        for `--changed-since`: `dependencies=["//images:refresh"]`.
        """
    )


ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst")


class OciBasePathField(SourcesField, AsyncFieldMixin):
    alias = "path"
    value: str | None
    uses_source_roots = False
    help = help_text(
        """
        The directory of an OCI image layout in the repository, such as `path="python-3.12"`, or an archive of images
        as `docker save`, `podman save` and `skopeo copy` write it, such as `path="vendor.tar"`; relative to the BUILD
        file. The name of an archive ends in `.tar`, `.tar.gz`, `.tgz` or `.tar.zst`.

        Pants verifies the blobs, and compresses uncompressed layers of an archive as `[oci].compression` says.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise OciFieldError(
                f"{address}: the `{cls.alias}` field must be the path of a directory or an archive, got {value!r}."
            )
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise OciFieldError(
                f'{address}: the `{cls.alias}` field "{value}" leaves the directory of its BUILD file; '
                "write a path below it."
            )
        return str(path)

    @property
    def is_archive(self) -> bool:
        """Whether the path names an archive. The name decides, so that no file has to be read to find the owner."""
        return (self.value or "").endswith(ARCHIVE_ENDINGS)

    @property
    def globs(self) -> tuple[str, ...]:
        if not self.value:
            return ()
        return (self.value,) if self.is_archive else (f"{self.value}/**",)


class OciBaseImageField(CheckedStringField):
    alias = "image"
    parse = staticmethod(Reference.parse)
    help = help_text(
        """
        The reference of an image in a registry, such as `image="docker.io/library/python:3.12-slim"`.

        The goal `oci-lock` looks up the tag, and keeps its digest in the file `oci.lock`, so that the base changes only
        when you update the lock. A `digest` needs no lock. To build on the base, Pants downloads only its manifest and
        config: layers stay in their registry until something needs the bytes.

        With `path`, `image` says where the same image is published: a push to that registry mounts the layers from
        there.
        """
    )


class OciBaseDigestField(CheckedStringField):
    alias = "digest"
    parse = staticmethod(Digest.parse)
    help = help_text(
        """
        The digest of the manifest or index to use: `sha256:` and 64 hex digits. With `image`, it takes precedence over
        the tag. With `path`, it selects an image of the layout or archive, which must have exactly this digest. Images
        of an archive that is not a layout have no manifests: use their IDs.

        Example: `digest="sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"`
        """
    )


class OciBasePlatformsField(CheckedStringsField):
    alias = "platforms"
    parse = staticmethod(Platform.parse)
    help = help_text(
        """
        The platforms that the base is used for, such as `platforms=["linux/amd64", "linux/arm64"]`. An `oci_image` for
        another one is an error, and `oci-lock` fails if one of them is missing. By default, all platforms of the base.
        """
    )


class OciBaseTarget(Target):
    alias = "oci_base"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciBaseDependenciesField,
        OciBasePathField,
        OciBaseImageField,
        OciBaseDigestField,
        OciBasePlatformsField,
        OciPythonField,
    )
    help = help_text(
        """
        An existing image to build on, in a registry (`image`) or in the repository (`path`). Name it in `base` of an
        `oci_image`.

        Example:

            oci_base(name="python", image="docker.io/library/python:3.12-slim")
            oci_image(name="image", base=":python", dependencies=[":server"])
        """
    )

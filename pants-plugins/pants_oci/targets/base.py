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

from ocikit.digest import Digest
from ocikit.platform import Platform
from ocikit.reference import Reference
from pants_oci.errors import OciFieldError
from pants_oci.targets.python import OciPythonField
from pants_oci.targets.validation import CheckedStringField, CheckedStringsField


class OciBaseDependenciesField(Dependencies):
    help = help_text(
        """
        Inferred: the lock file, where the base is named there. What else a change of which is to count as a change of
        the base, for `--changed-since`, can be added: `dependencies=["//images:refresh"]`.
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
        file. An archive's name ends in `.tar`, `.tar.gz`, `.tgz` or `.tar.zst`.

        `oci_image`s on it are built from its blobs, which are verified. Uncompressed layers of an archive are
        compressed as `[oci].compression` says.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise OciFieldError(
                f"{address}: the `{cls.alias}` field must be the path of a directory or an archive, found {value!r}."
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
        """Told by the name, so that whose files these are is known without a look at any."""
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

        What its tag names is looked up by the goal `oci-lock` and kept in the file `oci.lock`, so that nothing changes
        until you want it to; a `digest` needs no lock. To build on it only its manifest and config are fetched: layers
        stay in their registry until something needs the bytes.

        With `path` it says where the same image is published: a push to that registry takes the layers over from there.
        """
    )


class OciBaseDigestField(CheckedStringField):
    alias = "digest"
    parse = staticmethod(Digest.parse)
    help = help_text(
        """
        The digest, `sha256:` and 64 hex digits, of the manifest or index to use. With `image` it is what is used
        whatever the tag names. With `path` it says which image of the layout or archive is meant, and that it must be
        exactly that. The images of an archive that is no layout have no manifests: they are named by their IDs.

        Example: `digest="sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"`
        """
    )


class OciBasePlatformsField(CheckedStringsField):
    alias = "platforms"
    parse = staticmethod(Platform.parse)
    help = help_text(
        """
        The platforms that the base is used for, such as `platforms=["linux/amd64", "linux/arm64"]`. An `oci_image` for
        another one is an error, and so is an `oci-lock` that finds one of them missing. By default whatever the base
        has.
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
        An image to build on, made by others. Name it in `base` of an `oci_image`.

        It is in a registry (`image`), or in the repository (`path`).

        Example:

            oci_base(name="python", image="docker.io/library/python:3.12-slim")
            oci_image(name="image", base=":python", dependencies=[":server"])
        """
    )

"""`oci_layer`: an explicit layer."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    Dependencies,
    Target,
)
from pants.util.strutil import help_text

from ocikit.layer.placement import Owner, Placement, check_links, check_prefix, check_renames, parse_mode, place
from pants_oci.compat import EnvironmentField
from pants_oci.targets.validation import CheckedDictField, CheckedStringField


def _parse_directory(path: str) -> None:
    place((), Placement(path))


class OciDirectoryField(CheckedStringField):
    alias = "directory"
    parse = staticmethod(_parse_directory)
    default = "/"
    value: str
    help = help_text(
        """
        The directory of the image that everything is put in, an absolute path, such as `directory="/srv/www"`.

        A `file` keeps its path from the build root below it, a `resource` its path from its source root, a package
        its file name.
        """
    )


class OciLayerDependenciesField(Dependencies):
    help = help_text(
        """
        What goes in: `file`, `files`, `resource`, `resources` and `relocated_files` targets, and any target that
        the `package` goal can build. The contents of an `archive` go in unpacked.

        Example: `dependencies=["web:assets"]`
        """
    )


class OciLayerStripPrefixField(CheckedStringField):
    alias = "strip_prefix"
    parse = staticmethod(check_prefix)
    help = help_text(
        """
        A directory that is taken off the front of every path before it is put in `directory`, such as
        `strip_prefix="web/assets"`. Everything must be in it.
        """
    )


class OciLayerRenameField(CheckedDictField):
    alias = "rename"
    parse = staticmethod(check_renames)
    help = help_text(
        """
        Files that are to have another name in the image: the path that a file would have below `directory` to the one
        that it is to have there.

        Example: `rename={"nginx.conf": "conf.d/default.conf"}`
        """
    )


class OciLayerUnpackField(BoolField):
    alias = "unpack"
    default = False
    help = help_text(
        """
        Unpack what is a tar (`.tar`, also `.gz`, `.bz2`, `.xz`) or a zip among the files, into `directory`. Of owners
        and modes in it only whether a file is executable counts.

        Example: `unpack=True`
        """
    )


class OciLayerOwnerField(CheckedStringField):
    alias = "owner"
    parse = staticmethod(Owner.parse)
    default = "0:0"
    value: str
    help = help_text(
        """
        Who owns the files, as `uid:gid`, or `uid` for both, such as `owner="1000:1000"`. Numbers only: names would
        depend on the image's `/etc/passwd`.
        """
    )


class OciLayerFileModeField(CheckedStringField):
    alias = "file_mode"
    parse = staticmethod(parse_mode)
    help = help_text(
        """
        The permissions of every file, in octal, such as `file_mode="0640"`. By default `"0755"` for executable files
        and `"0644"` for the others.
        """
    )


class OciLayerDirectoryModeField(CheckedStringField):
    alias = "directory_mode"
    parse = staticmethod(parse_mode)
    help = help_text(
        """
        The permissions of `directory` and of every directory in it, in octal, such as `directory_mode="0750"`. By
        default `"0755"`.
        """
    )


class OciLayerSymlinksField(CheckedDictField):
    alias = "symlinks"
    parse = staticmethod(check_links)
    help = help_text(
        """
        Symbolic links to make: the link's path (absolute, or relative to `directory`) to what it points at, such as
        `symlinks={"/usr/bin/tool": "/opt/tool/bin/tool"}`.
        """
    )


class OciEnvironmentField(EnvironmentField):
    help = help_text(
        """
        The environment that builds it, a name of `[environments-preview].names`, such as `environment="linux"`. By
        default an image is built on this machine, and a layer where its image is. The result is the same in each.
        """
    )


class OciLayerTarget(Target):
    alias = "oci_layer"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciLayerDependenciesField,
        OciDirectoryField,
        OciLayerStripPrefixField,
        OciLayerRenameField,
        OciLayerUnpackField,
        OciLayerOwnerField,
        OciLayerFileModeField,
        OciLayerDirectoryModeField,
        OciLayerSymlinksField,
        OciEnvironmentField,
    )
    help = help_text(
        """
        One layer of an image, for when the automatic split of an `oci_image` is not what is wanted: another owner,
        other permissions, other names, links, or content that several images share as one blob.

        List it in `layers` of an `oci_image`.

        Example:

            oci_layer(
                name="assets",
                dependencies=["web:assets"],
                strip_prefix="web/assets",
                directory="/srv/www",
                owner="1000:1000",
            )
            oci_image(name="image", layers=[":assets"], dependencies=[":server"])
        """
    )

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
        The directory of the image for all contents, an absolute path, such as `directory="/srv/www"`.

        Below it, a `file` keeps its path from the build root, a `resource` its path from its source root, and a package
        its file name.
        """
    )


class OciLayerDependenciesField(Dependencies):
    help = help_text(
        """
        The contents of the layer: `file`, `files`, `resource`, `resources` and `relocated_files` targets, and any
        target that the `package` goal can build. Pants unpacks an `archive`.

        Example: `dependencies=["web:assets"]`
        """
    )


class OciLayerStripPrefixField(CheckedStringField):
    alias = "strip_prefix"
    parse = staticmethod(check_prefix)
    help = help_text(
        """
        A directory to remove from the front of every path before it is put in `directory`, such as
        `strip_prefix="web/assets"`. All files must be in it.
        """
    )


class OciLayerRenameField(CheckedDictField):
    alias = "rename"
    parse = staticmethod(check_renames)
    help = help_text(
        """
        Files to rename in the image: a dictionary from paths below `directory` to new paths below `directory`.

        Example: `rename={"nginx.conf": "conf.d/default.conf"}`
        """
    )


class OciLayerUnpackField(BoolField):
    alias = "unpack"
    default = False
    help = help_text(
        """
        Unpack tar files (`.tar`, also `.gz`, `.bz2`, `.xz`) and zip files into `directory`. Only the executable bit is
        kept; owners and other modes are ignored.

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
        The owner of the files, as `uid:gid`, or `uid` for both, such as `owner="1000:1000"`. It must be numbers: names
        would depend on the image's `/etc/passwd`.
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
        Symbolic links to create: a dictionary from paths of links (absolute, or relative to `directory`) to their
        targets, such as `symlinks={"/usr/bin/tool": "/opt/tool/bin/tool"}`.
        """
    )


class OciEnvironmentField(EnvironmentField):
    help = help_text(
        """
        The environment that builds the target, a name of `[environments-preview].names`, such as `environment="linux"`.
        By default, Pants builds an image on this machine, and a layer in the environment of its image. The result is
        the same in every environment.
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
        One layer of an image, if the automatic layers of an `oci_image` are not enough: for another owner, other
        permissions, other names, links, or content that several images share as one blob.

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

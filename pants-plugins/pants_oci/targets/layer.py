"""`oci_layer`: an explicit layer."""

from __future__ import annotations

from typing import Dict, Optional

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DictStringToStringField,
    StringField,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from ocikit.layer.placement import Owner, Placement, check_links, check_prefix, parse_mode, place
from pants_oci.compat import EnvironmentField
from pants_oci.targets.validation import checked, checked_if_set


class OciDirectoryField(StringField):
    alias = "directory"
    default = "/"
    value: str
    help = help_text(
        """
        The directory of the image that everything is put in, an absolute path.

        A `file` keeps its path from the build root below it, a `resource` its path from its source root, a package
        its file name.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> str:
        value = super().compute_value(raw_value, address) or cls.default
        checked(lambda path: place((), Placement(path)), value, alias=cls.alias, address=address)
        return value


class OciLayerDependenciesField(Dependencies):
    help = help_text(
        """
        What goes in: `file`, `files`, `resource`, `resources` and `relocated_files` targets, and any target that
        the `package` goal can build. The contents of an `archive` go in unpacked.
        """
    )


class OciLayerStripPrefixField(StringField):
    alias = "strip_prefix"
    help = help_text(
        """
        A directory that is taken off the front of every path before it is put in `directory`, such as `assets/web`.
        Everything must be in it.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        checked_if_set(check_prefix, value, alias=cls.alias, address=address)
        return value


class OciLayerOwnerField(StringField):
    alias = "owner"
    default = "0:0"
    value: str
    help = help_text(
        """
        Who owns the files, as `uid:gid`, or `uid` for both. Numbers only: names would depend on the image's
        `/etc/passwd`.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> str:
        value = super().compute_value(raw_value, address) or cls.default
        checked(Owner.parse, value, alias=cls.alias, address=address)
        return value


class _ModeField(StringField):
    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        checked_if_set(parse_mode, value, alias=cls.alias, address=address)
        return value


class OciLayerFileModeField(_ModeField):
    alias = "file_mode"
    help = help_text(
        """
        The permissions of every file, in octal, such as `"0640"`. By default `"0755"` for executable files and
        `"0644"` for the others.
        """
    )


class OciLayerDirectoryModeField(_ModeField):
    alias = "directory_mode"
    help = help_text(
        """
        The permissions of `directory` and of every directory in it, in octal. By default `"0755"`.
        """
    )


class OciLayerSymlinksField(DictStringToStringField):
    alias = "symlinks"
    help = help_text(
        """
        Symbolic links to make: the link's path (absolute, or relative to `directory`) to what it points at, such as
        `{"/usr/bin/tool": "/opt/tool/bin/tool"}`.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[Dict[str, str]], address: Address) -> Optional[FrozenDict[str, str]]:
        value = super().compute_value(raw_value, address)
        checked_if_set(check_links, value, alias=cls.alias, address=address)
        return value


class OciLayerTarget(Target):
    alias = "oci_layer"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OciLayerDependenciesField,
        OciDirectoryField,
        OciLayerStripPrefixField,
        OciLayerOwnerField,
        OciLayerFileModeField,
        OciLayerDirectoryModeField,
        OciLayerSymlinksField,
        EnvironmentField,
    )
    help = help_text(
        """
        One layer of an image, for when the automatic split of an `oci_image` is not what is wanted: another owner,
        other permissions, links, or content that several images share as one blob.

        List it in `layers` of an `oci_image`.
        """
    )

"""The fields of an `oci_base` that the steps read."""

from __future__ import annotations

from dataclasses import dataclass

from pants.engine.target import FieldSet

import ocikit
from pants_oci.targets.base import (
    OciBaseDigestField,
    OciBaseImageField,
    OciBasePathField,
    OciBasePlatformsField,
)
from pants_oci.targets.python import OciPythonField


@dataclass(frozen=True)
class BaseFieldSet(FieldSet):
    required_fields = (OciBasePathField, OciBaseImageField)

    path: OciBasePathField
    image: OciBaseImageField
    digest: OciBaseDigestField
    platforms: OciBasePlatformsField
    python: OciPythonField

    @property
    def declared(self) -> tuple[ocikit.Platform, ...]:
        """The values of the `platforms` field."""
        return tuple(ocikit.Platform.parse(text) for text in self.platforms.value or ())

"""What all targets have that `package` writes, and no others."""

from __future__ import annotations

from pants.engine.target import Dependencies


class OciPackagedDependenciesField(Dependencies):
    """By this field `package` knows them."""

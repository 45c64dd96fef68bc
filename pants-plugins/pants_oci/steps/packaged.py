"""What `package` makes of a target, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage


# One rule alone gives a `BuiltPackage` itself: docs/architecture.md tells what another one would cost each start.
@dataclass(frozen=True)
class Packaged:
    package: BuiltPackage

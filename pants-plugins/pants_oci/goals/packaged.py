"""The package of a target of any kind."""

from __future__ import annotations

from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage


# Only one rule returns a `BuiltPackage`. docs/architecture.md describes what another one would cost at each start.
@dataclass(frozen=True)
class Packaged:
    package: BuiltPackage

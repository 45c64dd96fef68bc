"""Platforms: `os/architecture[/variant]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidInput

_PART = re.compile(r"[a-z0-9][a-z0-9._-]*")
# The values of Go's GOOS and GOARCH that run containers.
# Source: image-spec v1.1.1, config.md#properties.
_OPERATING_SYSTEMS = ("linux", "windows", "freebsd", "darwin")
_ARCHITECTURES = (
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le",
    "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
)  # fmt: skip
# The variants that architectures have by default when containerd and Docker match platforms.
_DEFAULT_VARIANTS: Mapping[str, str] = MappingProxyType({"amd64": "v1", "arm": "v7", "arm64": "v8"})


@dataclass(frozen=True, order=True)
class Platform:
    """What an image runs on, in the words of Go: "linux", "arm64", "v8". `str()` gives `os/architecture[/variant]`.

    Spec: image-spec v1.1.1, image-index.md, "platform".
    """

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `linux/amd64` or `linux/arm/v7`. Raises InvalidInput with the valid values."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
            raise InvalidInput(
                f'"{text}" is not a platform: expected os/architecture or os/architecture/variant, '
                'such as "linux/amd64" or "linux/arm/v7".'
            )
        if parts[0] not in _OPERATING_SYSTEMS:
            raise InvalidInput(
                f'"{text}" is not a platform: the operating system must be one of {", ".join(_OPERATING_SYSTEMS)}.'
            )
        if parts[1] not in _ARCHITECTURES:
            raise InvalidInput(
                f'"{text}" is not a platform: the architecture must be one of {", ".join(_ARCHITECTURES)}.'
            )
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def runs(self, other: Platform) -> bool:
        """Whether an image for `other` is an image for this platform; "arm64" equals "arm64/v8"."""
        return (self.os, self.architecture, self._variant()) == (
            other.os, other.architecture, other._variant(),
        )  # fmt: skip

    def _variant(self) -> str | None:
        return self.variant or _DEFAULT_VARIANTS.get(self.architecture)

    def to_json(self) -> dict[str, str]:
        """The `platform` object of a descriptor. An image config has the same keys."""
        document = {"architecture": self.architecture, "os": self.os}
        return {**document, "variant": self.variant} if self.variant else document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Platform:
        """Read what `to_json` writes. Unknown operating systems and architectures are kept."""
        return cls(
            str(document.get("os") or ""),
            str(document.get("architecture") or ""),
            str(document.get("variant") or "") or None,
        )


# The platform of BuildKit's attestations in an index, which cannot be selected.
UNKNOWN = Platform("unknown", "unknown")

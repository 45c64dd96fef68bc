"""The Python of an image, with its path and version, and the platforms of a PEX's wheels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import canonical_json
from ocikit.spec.platform import Platform

_NAME = re.compile(r"python(3\.[0-9]+)")
_FULL_VERSION = re.compile(r"(3\.[0-9]+)\.[0-9]+")
# Only the official images have one of these: how their sources are verified.
_OFFICIAL = frozenset(("GPG_KEY", "PYTHON_SHA256"))
_PLATFORM_TAG = re.compile(r"(?P<system>[a-z0-9_]+)-cp-(?:3(?P<minor>[0-9]+)|3\.(?P<dotted>[0-9]+)\.[0-9]+)-.+")
# The values of `platform.machine()`, and the names in Go and therefore in OCI.
_MACHINES: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "x86_64": ("amd64", None),
        "amd64": ("amd64", None),
        "aarch64": ("arm64", None),
        "arm64": ("arm64", None),
        "armv6l": ("arm", "v6"),
        "armv7l": ("arm", "v7"),
        "i386": ("386", None),
        "i686": ("386", None),
        "ppc64le": ("ppc64le", None),
        "riscv64": ("riscv64", None),
        "s390x": ("s390x", None),
    }
)


@dataclass(frozen=True)
class Interpreter:
    """A CPython of an image.

    `version` is "3.12"; `path` is absolute, None if only the name `python3` is known; `release`
    is "3.12.7", None if it is not known.
    """

    version: str
    path: str | None = None
    release: str | None = None

    @classmethod
    def parse(cls, path: str) -> Interpreter:
        """Read a path whose last part names the version: "/usr/bin/python3.11"."""
        root, *parts = path.split("/")
        found = _NAME.fullmatch(parts[-1]) if parts else None
        if root or not found or any(part in ("", ".", "..") for part in parts):
            raise InvalidInput(
                f'"{path}" is not the path of a Python: expected an absolute path whose name has the version, '
                'such as "/usr/local/bin/python3.12".'
            )
        return cls(found[1], path)

    @classmethod
    def of_official_image(cls, container: Mapping[str, Any]) -> Interpreter | None:
        """The Python of Docker's official images and of what is built on them, by the variables in a `config` object.

        Other images set PYTHON_VERSION as well, and have their Python elsewhere, for example below pyenv.
        """
        variables = variables_of(container)
        found = _FULL_VERSION.match(variables.get("PYTHON_VERSION", ""))
        if not found or "PYPY_VERSION" in variables or not _OFFICIAL & variables.keys():
            return None
        return cls(found[1], f"/usr/local/bin/python{found[1]}", found[0])

    def __str__(self) -> str:
        return f"Python {self.release or self.version}" + (f" ({self.path})" if self.path else "")


def variables_of(container: Mapping[str, Any]) -> dict[str, str]:
    """The environment of an image config's `config` object."""
    pairs = (text.partition("=") for text in container.get("Env") or ())
    return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class WheelPlatform:
    """One of the platforms that a PEX is built for; `name` is its name in the build."""

    name: str
    platform: Platform
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.platform}, Python {self.version})"

    @classmethod
    def of_complete_platform(cls, name: str, data: bytes) -> WheelPlatform:
        """Read a complete platform file of pex; raises InvalidInput."""
        try:
            markers = canonical_json.loads_object(data, name)["marker_environment"]
            system = {"linux": "linux", "darwin": "darwin"}[markers["sys_platform"]]
            return cls(name, _platform(system, markers["platform_machine"]), str(markers["python_version"]))
        except (InvalidContent, KeyError, TypeError) as error:
            raise InvalidInput(
                f'"{name}" is not a complete platform that images support ({error!r}): expected the output of '
                "`pex3 interpreter inspect --markers --tags`."
            ) from None

    @classmethod
    def of_tag(cls, name: str) -> WheelPlatform:
        """Read an abbreviated platform of pex, "manylinux2014_aarch64-cp-311-cp311"; raises InvalidInput."""
        found = _PLATFORM_TAG.fullmatch(name)
        for machine in _MACHINES:
            if found and found["system"].endswith(f"_{machine}"):
                system = "darwin" if found["system"].startswith("macosx") else "linux"
                return cls(name, _platform(system, machine), f"3.{found['minor'] or found['dotted']}")
        raise InvalidInput(f'"{name}" is not a platform that images support; use `complete_platforms`.')


def matching(offered: Iterable[WheelPlatform], platform: Platform, version: str | None) -> tuple[WheelPlatform, ...]:
    """Those that an image of `platform` can use, with a Python of `version` (None: any)."""
    return tuple(o for o in offered if platform.runs(o.platform) and version in (None, o.version))


def _platform(system: str, machine: str) -> Platform:
    architecture, variant = _MACHINES[machine]
    return Platform(system, architecture, variant)

"""Addresses of images in deployment files: `pants://services/web:push?registry=ghcr&part=digest`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from ocikit.errors import InvalidInput
from ocikit.spec.digest import Digest

SCHEME = "pants://"

_EXAMPLE = f'"{SCHEME}services/web:push", or "{SCHEME}:push" for a target of the same folder'
_KEYS = ("registry", "part")
_SPACE = re.compile(r"\s")


class Part(Enum):
    """The part of the reference that replaces the address."""

    REFERENCE = "reference"
    NAME = "name"
    REGISTRY = "registry"
    REPOSITORY = "repository"
    TAG = "tag"
    DIGEST = "digest"


@dataclass(frozen=True)
class PantsUrl:
    """The address of a push target as written, with the registry and the part of the reference to use.

    `registry`: an alias or a registry's address; None if the target or the deployment decides.
    """

    address: str
    registry: str | None = None
    part: Part = Part.REFERENCE

    @classmethod
    def parse(cls, text: str) -> PantsUrl:
        """Read `pants://ADDRESS[?registry=R][&part=P]`; raises InvalidInput. Does not check that it is a target."""
        if not text.startswith(SCHEME):
            raise _not_an_address(text, f"expected {_EXAMPLE}.")
        address, mark, query = text[len(SCHEME) :].partition("?")
        fault = _fault(address)
        if fault:
            raise _not_an_address(text, fault)
        options = _options(query, text) if mark else {}
        return cls(address, options.get("registry"), _part(options.get("part", Part.REFERENCE.value), text))


def text(part: Part, repository: str, tag: str, digest: Digest) -> str:
    """The text that replaces the address. `repository` is the full form: "docker.io/library/web"."""
    registry, _, path = repository.partition("/")
    return {
        Part.REFERENCE: f"{repository}@{digest}",
        Part.NAME: repository,
        Part.REGISTRY: registry,
        Part.REPOSITORY: path,
        Part.TAG: f"{tag}@{digest}",
        Part.DIGEST: str(digest),
    }[part]


def _fault(address: str) -> str | None:
    if not address:
        return f"it has no address; expected {_EXAMPLE}."
    if _SPACE.search(address):
        return "it contains white space."
    if SCHEME in address:
        return "it contains several addresses, and only a value that is one address is replaced."
    if "@sha256:" in address:
        return 'leave out the digest "@sha256:…", which is added later.'
    if address.startswith("/") and not address.startswith("//"):
        return f'it has one "/" too many; expected {_EXAMPLE}.'
    return None


def _options(query: str, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key not in _KEYS:
            raise _not_an_address(text, f'"{key}" after the "?" is unknown; valid keys: {_listed(_KEYS)}.')
        if key in options:
            raise _not_an_address(text, f'"{key}" is set twice.')
        if not value or _SPACE.search(value):
            raise _not_an_address(text, f'"{pair}" has no value; expected "{key}=…".')
        options[key] = value
    return options


def _part(value: str, text: str) -> Part:
    names = tuple(part.value for part in Part)
    if value not in names:
        raise _not_an_address(text, f'the part "{value}" is unknown; valid values: {_listed(names)}.')
    return Part(value)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _not_an_address(text: str, reason: str) -> InvalidInput:
    return InvalidInput(f'"{text}" is not the address of an image: {reason}')

"""Repositories and references, as people write them to name an image.

The grammar, as distribution/reference v0.6.0 and Docker read it; {} repeats, [] is optional:

    reference  = name [":" tag] ["@" digest]
    name       = [registry "/"] path              at most 255 characters
    registry   = host [":" digits]
    host       = label {"." label} | "[" hex digits and colons "]"
    label      = letters, digits and inner "-"
    path       = component {"/" component}
    component  = atom {separator atom}
    atom       = one or more of a-z 0-9
    separator  = "." | "_" | "__" | one or more "-"
    tag        = a letter, digit or "_", then at most 127 of letters, digits, "_", ".", "-"

The part before the first "/" is a registry if it is "localhost" or has a ".", a ":" or an upper-case
letter; any other name is on Docker Hub, where a path of one component is in "library/".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ocikit.errors import InvalidInput
from ocikit.spec.digest import Digest

DOCKER_HUB = "docker.io"
MAX_NAME_LENGTH = 255

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# A bare name of this form would be mistaken for a container's or an image's ID.
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, order=True)
class Repository:
    """A registry (host, and port if any) and a path in it, always in the full form. Raises InvalidInput.

    Docker Hub is "docker.io", and a path of one component in it gets "library/" in front.
    `parse_repository(str(repository)) == repository`.
    """

    registry: str
    path: str

    def __post_init__(self) -> None:
        registry, path = _full(self.registry, self.path)
        reason = _fault(registry, path)
        if reason:
            raise InvalidInput(f'"{self}" is not a repository: {reason}')
        object.__setattr__(self, "registry", registry)
        object.__setattr__(self, "path", path)

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True)
class Reference:
    """An image in a repository by tag, by digest or by both; with neither, the repository itself.

    `str()` gives the full form, and `Reference.parse(str(reference)) == reference`. Raises InvalidInput.
    """

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        if self.tag is not None:
            validate_tag(self.tag)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `[registry/]path[:tag][@digest]`, as Docker does. Raises InvalidInput with the reason.

        The part before the first "/" is a registry if it is "localhost" or contains ".", ":" or an upper-case letter.
        Otherwise the repository is on Docker Hub.
        """
        name, tag, digest = _split(text)
        try:
            if tag is not None:
                validate_tag(tag)
            parsed = Digest.parse(digest) if digest is not None else None
        except InvalidInput as error:
            raise _not_a("reference", text, str(error)) from None
        return cls(_repository(name, text, "reference"), tag, parsed)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    def with_tag(self, tag: str) -> Reference:
        """A copy with another tag. Raises InvalidInput."""
        return replace(self, tag=tag)


def parse_repository(text: str) -> Repository:
    """Read `[registry/]path`. Raises InvalidInput, also for a text with a tag or a digest."""
    name, tag, digest = _split(text)
    if digest is not None:
        raise _not_a("repository", text, f'leave out the digest "@{digest}".')
    if tag is not None:
        raise _not_a("repository", text, f'leave out the tag ":{tag}".')
    return _repository(name, text, "repository")


def validate_tag(text: str) -> str:
    """Return `text` if it is a tag; otherwise raise InvalidInput.

    Spec: distribution-spec v1.1.1, "Pulling manifests".
    """
    if _TAG.fullmatch(text):
        return text
    rule = 'expected 1 to 128 letters, digits, "_", "." and "-", and neither "." nor "-" first.'
    if len(text) > 128:
        raise InvalidInput(f'"{text}" is not a tag: it has {len(text)} characters, {rule}')
    raise InvalidInput(f'"{text}" is not a tag: {rule}')


def _split(text: str) -> tuple[str, str | None, str | None]:
    """Name, tag and digest; a ":" before the last "/" belongs to a port."""
    rest, at, digest = text.partition("@")
    slash = rest.rfind("/")
    name, colon, tag = rest[slash + 1 :].partition(":")
    return rest[: slash + 1] + name, tag if colon else None, digest if at else None


def _repository(name: str, text: str, kind: str) -> Repository:
    """Parse the repository `name`; `text` is the whole input, for the error."""
    scheme = _SCHEME.match(text)
    if scheme:
        raise _not_a(kind, text, f'leave out "{scheme.group()}".')
    if _IDENTIFIER.fullmatch(name):
        raise _not_a(kind, text, "64 hexadecimal digits are an ID; write the registry in front.")
    first, slash, rest = name.partition("/")
    registry, path = (first, rest) if slash and is_registry(first) else (DOCKER_HUB, name)
    reason = _fault(*_full(registry, path))
    if reason:
        raise _not_a(kind, text, reason)
    return Repository(registry, path)


def is_registry(first: str) -> bool:
    """Whether the first component of a name is a registry's host; if not, it belongs to the path."""
    return first == "localhost" or first != first.lower() or "." in first or ":" in first


def _full(registry: str, path: str) -> tuple[str, str]:
    """Docker Hub's short forms written out."""
    if registry == f"index.{DOCKER_HUB}":
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return registry, path


def _fault(registry: str, path: str) -> str | None:
    """Say why this is not a repository, None if it is one."""
    if not _REGISTRY.fullmatch(registry) or not is_registry(registry):
        return (
            f'"{registry}" is not a registry: expected a host name with a dot, an address or '
            '"localhost", and a port if it has one, such as "localhost:5000" or "[::1]:5000".'
        )
    for component in path.split("/"):
        if not _COMPONENT.fullmatch(component):
            return _component_fault(component)
    length = len(registry) + 1 + len(path)
    if length > MAX_NAME_LENGTH:
        return f"the name has {length} characters, at most {MAX_NAME_LENGTH} are allowed."
    return None


def _component_fault(component: str) -> str:
    lower = component.lower()
    if not component:
        return 'a component of the path is empty; expected "name" or "name/name".'
    if _COMPONENT.fullmatch(lower):
        return f'"{component}" must be in lower case: "{lower}".'
    return f'"{component}" is not a component of a path: expected a-z and 0-9, separated by ".", "_", "__" or "-".'


def _not_a(kind: str, text: str, reason: str) -> InvalidInput:
    return InvalidInput(f'"{text}" is not a {kind}: {reason}')

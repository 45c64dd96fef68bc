"""Options of a registry, as users write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ocikit.errors import InvalidContent, InvalidInput, ProtocolViolation
from ocikit.registry import url as urls

# The syntax of a mirror and of a path prefix: no scheme, no query, no empty path segment.
_PREFIX = r"(?:/[A-Za-z0-9._~-]+)*"
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?"
_MIRROR = re.compile(rf"({_HOST})({_PREFIX})")


@dataclass(frozen=True)
class RegistryOptions:
    """How a registry is reached.

    * `insecure`: plain HTTP. Registries on this machine need no option.
    * `ca_file`: the path of a PEM file with certificate authorities to trust, in addition to those of the system.
    * `client_certificate`, `client_key`: the paths of PEM files for TLS client authentication. Without `client_key`,
      the key is in the file of the certificate.
    * `path_prefix`: with "/registry", the API is at `https://host/registry/v2/`.
    * `mirrors`: `host[:port][/prefix]` of registries that are read first, in order.
    * `trusted_hosts`: `host[:port]` of hosts to which the registry may redirect although their addresses are more
      private than its own.

    Raises InvalidInput for invalid values.
    """

    insecure: bool = False
    ca_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    path_prefix: str = ""
    mirrors: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.client_key and not self.client_certificate:
            raise InvalidInput(f'`client_key` is "{self.client_key}", but `client_certificate` is not set.')
        if not re.fullmatch(_PREFIX, self.path_prefix):
            raise InvalidInput(
                f'expected a `path_prefix` like "/registry", with no "/" at its end, got "{self.path_prefix}".'
            )
        for name in (*self.trusted_hosts, *(split_mirror(mirror)[0] for mirror in self.mirrors)):
            _host_and_port(name)

    @property
    def scheme(self) -> str | None:
        """The scheme "https" if certificates are set, for registries on this machine, too. None: the default."""
        return "https" if self.ca_file or self.client_certificate else None

    @property
    def trusted(self) -> tuple[tuple[str, int | None], ...]:
        """The hosts and ports (None: any) of `trusted_hosts` and of the mirrors."""
        names = (*self.trusted_hosts, *(split_mirror(mirror)[0] for mirror in self.mirrors))
        return tuple(map(_host_and_port, names))

    def for_mirror(self, path_prefix: str) -> RegistryOptions:
        """The options for a mirror with this prefix. A mirror is another host, and gets no client certificate."""
        return RegistryOptions(self.insecure, self.ca_file, path_prefix=path_prefix)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with all options."""
        return {**asdict(self), "mirrors": list(self.mirrors), "trusted_hosts": list(self.trusted_hosts)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RegistryOptions:
        """Read what `to_json` writes; a missing option has its default. Raises InvalidContent, InvalidInput."""
        try:
            lists = {key: tuple(document.get(key, ())) for key in ("mirrors", "trusted_hosts")}
            return cls(**{**document, **lists})
        except TypeError as error:
            raise InvalidContent(f"invalid registry options: {error}.") from None


DEFAULT_OPTIONS = RegistryOptions()


def split_mirror(mirror: str) -> tuple[str, str]:
    """host[:port] and path prefix of a mirror's address. Raises InvalidInput.

    >>> split_mirror("mirror.example:5000/hub")
    ('mirror.example:5000', '/hub')
    """
    found = _MIRROR.fullmatch(mirror)
    if not found:
        raise InvalidInput(f'expected a mirror host[:port][/prefix], with no scheme, got "{mirror}".')
    return found[1], found[2]


def _host_and_port(name: str) -> tuple[str, int | None]:
    try:
        found = urls.parse(f"https://{name}")
    except ProtocolViolation:
        found = None
    if not found or not re.fullmatch(_HOST, name):
        raise InvalidInput(f'expected host[:port], with no scheme and no path, got "{name}".')
    return found.host, found.port if re.search(r":[0-9]+\Z", name) else None

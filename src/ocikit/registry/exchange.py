"""One HTTP exchange as values: what is asked, what came back, and where it may be sent on to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import BinaryIO, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ocikit.errors import ProtocolViolation
from ocikit.registry.secret import Secret

_DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443})
_KEEPING = (307, 308)
_REDIRECTS = (301, 302, 303, *_KEEPING)
_NOTHING: Mapping[str, str] = MappingProxyType({})


class StreamedBody(Protocol):
    """A body of known length (bytes) that can be read more than once, a chunk at a time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, repr=False)
class Request:
    """What is asked; prints as method and address, without query or secrets.

    `streamed`: a successful answer's body is left to be read by the caller. `once`: whoever sends it does
    not send it again by himself, unless it was refused for want of a token. `private`: it is for this
    server alone, because its body is secret or because another server would do what it asks. `secrets`:
    what must not be shown even where the server's answer repeats it. `stores`: bytes that were sent before, and
    that the server has to put together before it answers.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes | StreamedBody = b""
    streamed: bool = False
    once: bool = False
    private: bool = False
    authorization: Secret | None = None
    secrets: tuple[Secret, ...] = ()
    stores: int = 0

    def authorized(self, authorization: Secret | None, *secrets: Secret) -> Request:
        return replace(self, authorization=authorization, secrets=secrets)

    def __str__(self) -> str:
        return f"{self.method} {printable(self.url)}"

    __repr__ = __str__


@dataclass(frozen=True)
class Response:
    """What a transport received: header names in lower case, a body that must be closed."""

    status: int
    headers: Mapping[str, str]
    body: BinaryIO


@dataclass(frozen=True)
class Answer:
    """A response that was read, with the request it answers (after redirects).

    `body` is empty where the request is `streamed` and succeeded.
    """

    request: Request
    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case, empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def printable(url: str) -> str:
    """`url` without query, fragment and user information: fit for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what decides whether two addresses are one server (RFC 6454)."""
    return _origin(host_part(url))


@lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, str, int]:
    parts = _split(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def host_part(url: str) -> str:
    """`https://host:port` of an address, without its path and query.

    >>> host_part("https://r.example:5000/v2/a/tags/list?n=1")
    'https://r.example:5000'
    """
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]


def is_loopback(host: str) -> bool:
    """Whether `host` (no port, brackets allowed) is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def keeps_secrets(url: str) -> bool:
    """Whether what is sent to `url` cannot be read on the way."""
    scheme, host, _ = origin(url)
    return scheme == "https" or is_loopback(host)


def resolve_location(base: str, location: str) -> str:
    """The absolute address that a `Location` header means in the answer to a request for `base`.

    A registry behind a proxy that ends TLS often names itself with http: it stays https.
    Raises ProtocolViolation for what is no address.
    """
    asked = _split(base)
    found = _split(location, base)
    if (asked.scheme, asked.netloc) == ("https", found.netloc):
        found = found._replace(scheme="https")
    return urlunsplit(found._replace(path=found.path or "/"))


def with_prefix(base: str, url: str) -> str:
    """`url`, with the path of `base` if it leads to the API there and lacks it.

    A registry behind a proxy does not know of the prefix that the proxy takes away.

    >>> with_prefix("https://r.example/registry", "https://r.example/v2/a/blobs/uploads/1")
    'https://r.example/registry/v2/a/blobs/uploads/1'
    """
    prefix = _split(base).path
    parts = _split(url)
    if prefix and parts.path.startswith("/v2/") and origin(base) == origin(url):
        return urlunsplit(parts._replace(path=prefix + parts.path))
    return url


def redirected(answer: Answer) -> Request | None:
    """The request to send next, if `answer` is a redirect to follow; another server gets no secret.

    307 and 308 keep method and body, unless another server would get what is not for it. The others
    are followed where there is no body (RFC 9110, section 15.4).
    """
    request, location = answer.request, answer.headers.get("location")
    if answer.status not in _REDIRECTS or not location:
        return None
    if answer.status not in _KEEPING and request.method not in ("GET", "HEAD"):
        return None
    url = resolve_location(request.url, location)
    if origin(url) == origin(request.url):
        return replace(request, url=url)
    return None if request.private else replace(request, url=url, authorization=None)


def _split(url: str, base: str = "") -> SplitResult:
    try:
        parts = urlsplit(urljoin(base, url))
        # Reading the port is what finds a bad one.
        if parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise ProtocolViolation(f'wanted an http or https address, found "{url.partition("?")[0]}" in the answer.')

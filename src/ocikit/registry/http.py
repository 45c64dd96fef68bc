"""One HTTP exchange as values: the request, the response, and the redirect to follow."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import BinaryIO, Protocol

from ocikit.errors import ProtocolViolation
from ocikit.registry import url as urls
from ocikit.registry.scrubber import Scrubber
from ocikit.registry.secret import Secret
from ocikit.registry.url import Url

# The parts of an invalid address: scheme, user information, and the rest.
_ADDRESS_LIKE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#]*@)?([^?#]*)")
_NOT_SHOWN = re.compile(r"[^ -~]")
_KEEPING = (307, 308)
_REDIRECTS = (301, 302, 303, *_KEEPING)
_NOTHING: Mapping[str, str] = MappingProxyType({})


class StreamedBody(Protocol):
    """A body of known length (bytes) that can be read more than once, a chunk at a time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, repr=False)
class Request:
    """A request; prints as method and address, without query or secrets.

    `streamed`: the caller reads the body of a successful response. `no_retry`: it is not retried automatically, except
    with a token after a 401. `same_origin_only`: for this server alone, because its body is secret or because another
    server would act on it. `no_redirects`: redirects are not followed. `named_by`: the chain of origins that sent us to
    this server; empty if the registry itself did. `scrubber` knows what must not be shown, even if a server's response
    repeats it. `stores`: bytes that were sent before, and that the server has to assemble before it responds.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes | StreamedBody = b""
    streamed: bool = False
    no_retry: bool = False
    same_origin_only: bool = False
    no_redirects: bool = False
    named_by: tuple[str, ...] = ()
    authorization: Secret | None = None
    scrubber: Scrubber | None = field(default=None, compare=False)
    stores: int = 0

    def authorized(self, authorization: Secret | None, scrubber: Scrubber | None = None) -> Request:
        return replace(self, authorization=authorization, scrubber=scrubber or self.scrubber)

    @property
    def address(self) -> str:
        """The address, for messages only: a server may have chosen a part of it."""
        shown = printable(self.url)
        return self.scrubber.scrubbed(shown) if self.scrubber else shown

    def __str__(self) -> str:
        return f"{self.method} {self.address}"

    __repr__ = __str__


@dataclass(frozen=True)
class RawResponse:
    """What a transport received: header names in lower case, a body that must be closed."""

    status: int
    headers: Mapping[str, str]
    body: BinaryIO


@dataclass(frozen=True)
class Response:
    """A response that was read, with its request (after redirects).

    `body` is empty if the request is `streamed` and succeeded.
    """

    request: Request
    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if missing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def printable(url: str) -> str:
    """`url` without query, fragment and user information, in ASCII: fit for messages."""
    try:
        found = urls.parse(url)
    except ProtocolViolation:
        parts = _ADDRESS_LIKE.match(url)
        return _NOT_SHOWN.sub("?", f"{parts[1] or ''}{parts[2]}") if parts else ""
    return f"{found.origin}{found.path}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: two addresses with the same ones are one server (RFC 6454)."""
    return urls.parse(url)[:3]


def host_part(url: str) -> str:
    """The origin of an address as text: `https://host[:port]` in canonical form.

    >>> host_part("https://R.example:443/v2/a/tags/list?n=1")
    'https://r.example'
    """
    return urls.parse(url).origin


def is_loopback(host: str) -> bool:
    """Whether `host` (no port, brackets allowed) is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def resolve_location(base: str, location: str) -> str:
    """The absolute address that a `Location` header means in the response to a request for `base`.

    A registry behind a proxy that terminates TLS often names itself with http: the address stays https. Raises
    ProtocolViolation if it is invalid.
    """
    asked = urls.parse(base)
    return str(_still_secure(asked, urls.resolve(asked, location)))


def named_url(base: str, text: str) -> str:
    """As `resolve_location`, for an absolute address, such as the realm that the registry at `base` names."""
    return str(_still_secure(urls.parse(base), urls.parse(text)))


def location_of(answer: Response, location: str) -> str:
    """`resolve_location` for a header of a response; the error names the request."""
    request = answer.request
    try:
        return resolve_location(request.url, location)
    except ProtocolViolation as error:
        raise ProtocolViolation(f"{request}: in the header Location, {error}.") from None


def namers(answer: Response) -> tuple[str, ...]:
    """`Request.named_by` for an address that a response names."""
    return (*answer.request.named_by, host_part(answer.request.url))


def with_prefix(base: str, url: str) -> str:
    """`url`, with the path of `base` added if it leads to the API there and lacks it.

    A registry behind a proxy does not know the prefix that the proxy removes.

    >>> with_prefix("https://r.example/registry", "https://r.example/v2/a/blobs/uploads/1")
    'https://r.example/registry/v2/a/blobs/uploads/1'
    """
    prefix = urls.parse(base).path.rstrip("/")
    found = urls.parse(url)
    if prefix and found.path.startswith("/v2/") and origin(base) == origin(url):
        return str(found._replace(target=prefix + found.target))
    return url


def redirected(answer: Response) -> Request | None:
    """The request to send next if `answer` is a redirect to follow; another server gets no secret.

    307 and 308 keep method and body, unless a `private` request would go to another server. The others are followed
    only without a body (RFC 9110, section 15.4).
    """
    request, location = answer.request, answer.headers.get("location")
    if answer.status not in _REDIRECTS or not location or request.no_redirects:
        return None
    if answer.status not in _KEEPING and request.method not in ("GET", "HEAD"):
        return None
    url = location_of(answer, location)
    if origin(url) == origin(request.url):
        return replace(request, url=url)
    return None if request.same_origin_only else replace(request, url=url, authorization=None, named_by=namers(answer))


def _still_secure(asked: Url, found: Url) -> Url:
    if (asked.scheme, found.scheme, found.host) != ("https", "http", asked.host):
        return found
    same_port = found.port == asked.port or (asked.port, found.port) == (443, 80)
    return found._replace(scheme="https", port=asked.port) if same_port else found

"""Web addresses, parsed once and strictly: one parse decides whose server an address is and where to connect.

Two parsers that read a text differently send a secret to the wrong host: `http://a\\@b/` is the host `a` to a browser
and `b` to Python. So this module rejects whatever two parsers may read differently, and nothing else parses addresses:
not `urllib.parse`, and not urllib3. Source: RFC 3986; the WHATWG's "URL Standard" for what browsers do instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from ocikit.errors import ProtocolViolation

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})

# Without ASCII, "s" in any case also matches the long s of old print.
_ABSOLUTE = re.compile(r"(https?)://([^/?#]*)([^?#]*)((?:\?[^#]*)?)(?:#.*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
# No relative reference begins like this, whether it is a valid scheme or not (RFC 3986, section 4.2).
_SCHEME = re.compile(r"[^/?#]*:")
# RFC 1035, section 2.3.4: a longer label cannot be looked up.
_LABEL = "[A-Za-z0-9_-]{1,63}"
_AUTHORITY = re.compile(rf"(?:({_LABEL}(?:\.{_LABEL})*\.?)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{{1,5}}))?")
_HOST_AND_REST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:?)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
# Characters to percent-encode: in a path those that RFC 3986, section 3.3, does not allow, in a query those that
# browsers encode. All others stay, because the address may be signed: "%2f" stays "%2f".
_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/%-]")
_QUERY = re.compile(r"[^!-~]|[\"<>]")


class Url(NamedTuple):
    """A valid address. `str` gives it in canonical form.

    `scheme`: "http" or "https". `host`: in lower case, an IPv6 address without brackets. `port`: 1 to 65535. `target`:
    path and query as in a request line, ASCII, percent-encoded, without "." and "..", otherwise unchanged.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def bracketed_host(self) -> str:
        return _bracketed(self.host)

    @property
    def origin(self) -> str:
        """`https://host:port`, without the default port of the scheme (RFC 6454)."""
        return _origin(self.scheme, self.host, self.port)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


@lru_cache(maxsize=512)
def parse(text: str) -> Url:
    """Read an absolute http or https address; a fragment is dropped.

    Characters above ASCII in path and query are bytes, as in HTTP headers, and are percent-encoded. Raises
    ProtocolViolation with the reason, but without any part of `text`, which may hold a secret or control characters of
    a terminal.

    >>> str(parse("HTTPS://R.example:443/v2/../a b".replace(" ", "%20")))
    'https://r.example/a%20b'
    """
    _check_characters(text)
    found = _ABSOLUTE.fullmatch(text)
    if not found:
        _refuse("with another scheme" if _SCHEME.match(text) else "without a scheme")
    scheme, authority, path, query = found.groups()
    scheme = scheme.lower()
    host, port = _host_and_port(authority, scheme)
    target = _PATH.sub(_encoded, _without_dots(path or "/"))
    if query:
        target += f"?{_QUERY.sub(_encoded, query[1:])}"
    return Url(scheme, host, port, target)


def resolve(base: Url, reference: str) -> Url:
    """The address that `reference`, absolute or relative, means in a response from `base` (RFC 3986, section 5.2).

    Raises ProtocolViolation as `parse` does.

    >>> str(resolve(parse("https://r.example/v2/a?b"), "c?d"))
    'https://r.example/v2/c?d'
    """
    reference = reference.strip(" \t")
    _check_characters(reference)
    if _SCHEME.match(reference):
        return parse(reference)
    if reference.startswith("//"):
        return parse(f"{base.scheme}:{reference}")
    path, question_mark, query = reference.partition("#")[0].partition("?")
    if not path:
        target = f"{base.path}?{query}" if question_mark else base.target
    elif path.startswith("/"):
        target = f"{path}{question_mark}{query}"
    else:
        target = f"{base.path.rpartition('/')[0]}/{path}{question_mark}{query}"
    return parse(f"{base.origin}{target}")


def _check_characters(text: str) -> None:
    found = _UNSAFE.search(text)
    if found:
        _refuse("with a backslash" if found[0] == "\\" else "with white space or a control character")


@lru_cache(maxsize=64)
def _host_and_port(authority: str, scheme: str) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        _refuse(_fault_of(authority))
    name, address, digits = found.groups()
    port = int(digits) if digits else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        _refuse("with a port that is not a number from 1 to 65535")
    if name:
        if len(name) > 254:
            _refuse("with a host name that is too long")
        return name.lower(), port
    try:
        return str(ipaddress.IPv6Address(address)), port
    except ValueError:
        _refuse("with brackets around what is not an IPv6 address")


@lru_cache(maxsize=64)
def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{_bracketed(host)}{'' if port == DEFAULT_PORTS[scheme] else f':{port}'}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _fault_of(authority: str) -> str:
    if not authority:
        return "without a host"
    if "@" in authority:
        return "with user information before the host"
    if not authority.isascii():
        return "with characters in its host that are not ASCII"
    found = _HOST_AND_REST.match(authority)
    if found and found[2]:
        return "with a port that is not a number from 1 to 65535"
    return "whose host is neither a name, an IPv4 address, nor an IPv6 address in brackets"


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4; `path` starts with a slash.

    >>> _without_dots("/a/./b/../../../c/..")
    '/'
    """
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _encoded(found: re.Match[str]) -> str:
    text = found[0]
    data = text.encode("latin-1") if text <= "\xff" else text.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)


def _refuse(reason: str) -> NoReturn:
    raise ProtocolViolation(f"expected an http or https address, got one {reason}")

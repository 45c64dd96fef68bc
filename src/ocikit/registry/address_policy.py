"""How private an IP address is, which decides which servers may send us there.

A registry names the addresses of its tokens, uploads and blobs. Its operator, or an attacker in front of it, could make
us send requests that only we can send: to this machine, its cloud's metadata service, the network of the company. So a
server must not send us to a more private address than its own. Source: the registries of special-purpose addresses
(IANA, RFC 6890).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache


class Privacy(IntEnum):
    """From publicly reachable to this machine only; NOWHERE (multicast, broadcast) is the most private."""

    PUBLIC = 0
    PRIVATE = 1
    LINK_LOCAL = 2
    LOOPBACK = 3
    NOWHERE = 4

    @property
    def words(self) -> str:
        return ("a public", "a private", "a link-local or metadata", "a loopback", "a multicast or broadcast")[self]


# The first network that contains an address decides.
_IPV4 = tuple(
    (ipaddress.IPv4Network(network), privacy)
    for privacy, networks in (
        (Privacy.NOWHERE, ("224.0.0.0/4", "255.255.255.255/32")),
        # Linux treats the addresses of "this network" as this machine.
        (Privacy.LOOPBACK, ("127.0.0.0/8", "0.0.0.0/8")),
        # Alibaba, Azure and Oracle have metadata services outside 169.254.169.254.
        (Privacy.LINK_LOCAL, ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")),
        (Privacy.PRIVATE, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24")),
        # Benchmarks, documentation, 6to4 relays, reserved addresses.
        (Privacy.PRIVATE, ("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24")),
        (Privacy.PRIVATE, ("240.0.0.0/4",)),
    )
    for network in networks
)
_IPV6 = tuple(
    (ipaddress.IPv6Network(network), privacy)
    for privacy, networks in (
        (Privacy.NOWHERE, ("ff00::/8",)),
        (Privacy.LOOPBACK, ("::1/128", "::/128")),
        # The metadata services of Amazon, Google, Oracle and Scaleway.
        (Privacy.LINK_LOCAL, ("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "fd00:c1::/32", "fd00:42::/32")),
        # The embedded IPv4 address decides: compatible, mapped, translated, NAT64, Teredo, 6to4.
        (Privacy.PUBLIC, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16")),
        # Documentation, benchmarks, identifiers that are not addresses.
        (Privacy.PRIVATE, ("2001:db8::/32", "3fff::/20", "2001::/23")),
        (Privacy.PUBLIC, ("2000::/3",)),
        # Unique local and reserved addresses.
        (Privacy.PRIVATE, ("::/0",)),
    )
    for network in networks
)
_LOW_32_BITS = tuple(
    ipaddress.IPv6Network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
# The bits 64 to 95 of an ISATAP address (RFC 5214, section 6.1).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)

_LOCALHOST = re.compile(r"(?:.+\.)?localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)")
_PART = re.compile(r"0x[0-9a-f]*|[0-9]+")


@lru_cache(maxsize=512)
def privacy_of(address: str) -> Privacy:
    """How private an IP address is; an IPv6 address is as private as the IPv4 address in it, if it has one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return next((privacy for network, privacy in _IPV4 if found in network), Privacy.PUBLIC)
    own = next(privacy for network, privacy in _IPV6 if found in network)
    return max(own, *(privacy_of(str(embedded)) for embedded in _embedded(found)), Privacy.PUBLIC)


def privacy_of_name(host: str) -> Privacy | None:
    """The privacy that a host name alone shows: of an address in any spelling, or of a name of this machine; else None.

    Parsers read "010.0.0.1" as 8.0.0.1 or as 10.0.0.1: the more private one counts.
    """
    name = host.rstrip(".")
    if ":" in name:
        return privacy_of(name)
    if _LOCALHOST.fullmatch(name):
        return Privacy.LOOPBACK
    return max(map(privacy_of, _spelt(name)), default=None)


def _embedded(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Every IPv4 address that a network device may derive from this one."""
    number = int(address)
    if any(address in network for network in _LOW_32_BITS) or (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    if address in _LOCAL_NAT64:
        # With a prefix of 96 bits, or of 48, which skips the bits 64 to 71 (RFC 6052, section 2.2).
        yield ipaddress.IPv4Address(number & 0xFFFF_FFFF)
        yield ipaddress.IPv4Address((number >> 48 & 0xFFFF_0000) | (number >> 40 & 0xFFFF))
    if address in _6TO4:
        yield ipaddress.IPv4Address(number >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        yield ipaddress.IPv4Address(number >> 64 & 0xFFFF_FFFF)
        yield ipaddress.IPv4Address(~number & 0xFFFF_FFFF)


def _spelt(name: str) -> Iterator[str]:
    """The IPv4 addresses that inet_aton, and parsers without octal numbers, read in `name`."""
    parts = name.split(".")
    if len(parts) > 4 or not all(_PART.fullmatch(part) and len(part) < 40 for part in parts):
        return
    for octal in (8, 10):
        numbers = [_number(part, octal) for part in parts]
        if None in numbers:
            continue
        *first, last = (number for number in numbers if number is not None)
        if all(number < 256 for number in first) and last < 256 ** (5 - len(parts)):
            value = sum(number << 24 - 8 * at for at, number in enumerate(first)) + last
            yield str(ipaddress.IPv4Address(value))


def _number(part: str, octal: int) -> int | None:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    try:
        return int(part, octal if part.startswith("0") else 10)
    except ValueError:
        return None

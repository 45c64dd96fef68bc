from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.registry.address_policy import Privacy, privacy_of, privacy_of_name

_PUBLIC, _PRIVATE, _LINK_LOCAL, _LOOPBACK, _NOWHERE = Privacy


@pytest.mark.parametrize(
    "address, expected",
    [
        ("8.8.8.8", _PUBLIC),
        ("9.255.255.255", _PUBLIC),
        ("10.0.0.0", _PRIVATE),
        ("10.255.255.255", _PRIVATE),
        ("11.0.0.0", _PUBLIC),
        ("172.15.255.255", _PUBLIC),
        ("172.16.0.0", _PRIVATE),
        ("172.31.255.255", _PRIVATE),
        ("172.32.0.0", _PUBLIC),
        ("192.167.255.255", _PUBLIC),
        ("192.168.0.1", _PRIVATE),
        ("100.63.255.255", _PUBLIC),
        ("100.64.0.0", _PRIVATE),
        ("100.127.255.255", _PRIVATE),
        ("100.128.0.0", _PUBLIC),
        ("192.0.0.1", _PRIVATE),
        ("192.0.2.1", _PRIVATE),
        ("198.17.255.255", _PUBLIC),
        ("198.18.0.0", _PRIVATE),
        ("198.19.255.255", _PRIVATE),
        ("198.51.100.1", _PRIVATE),
        ("203.0.113.1", _PRIVATE),
        ("240.0.0.1", _PRIVATE),
        ("169.253.255.255", _PUBLIC),
        ("169.254.0.0", _LINK_LOCAL),
        ("169.254.169.254", _LINK_LOCAL),
        ("169.255.0.0", _PUBLIC),
        ("100.100.100.200", _LINK_LOCAL),
        ("168.63.129.16", _LINK_LOCAL),
        ("192.0.0.192", _LINK_LOCAL),
        ("126.255.255.255", _PUBLIC),
        ("127.0.0.1", _LOOPBACK),
        ("127.255.255.255", _LOOPBACK),
        ("128.0.0.0", _PUBLIC),
        ("0.0.0.0", _LOOPBACK),
        ("0.255.255.255", _LOOPBACK),
        ("223.255.255.255", _PUBLIC),
        ("224.0.0.1", _NOWHERE),
        ("239.255.255.255", _NOWHERE),
        ("255.255.255.255", _NOWHERE),
        ("2606:4700::1111", _PUBLIC),
        ("::1", _LOOPBACK),
        ("::", _LOOPBACK),
        ("fe80::1", _LINK_LOCAL),
        ("fe80::1%eth0", _LINK_LOCAL),
        ("febf::1", _LINK_LOCAL),
        ("fec0::1", _PRIVATE),
        ("fc00::1", _PRIVATE),
        ("fdff::1", _PRIVATE),
        ("fd00:ec2::254", _LINK_LOCAL),
        ("fd20:ce::254", _LINK_LOCAL),
        ("fd00:c1::a9fe:a9fe", _LINK_LOCAL),
        ("fd00:42::42", _LINK_LOCAL),
        ("2001:db8::1", _PRIVATE),
        ("3fff::1", _PRIVATE),
        ("100::1", _PRIVATE),
        ("4000::1", _PRIVATE),
        ("ff02::1", _NOWHERE),
        ("ff0e::1", _NOWHERE),
    ],
)
def test_addresses(address: str, expected: Privacy) -> None:
    assert privacy_of(address) is expected


# Each puts the 32 bits of an IPv4 address into an IPv6 address.
_EMBEDDINGS = {
    "mapped": lambda number: (0xFFFF << 32) | number,
    "translated": lambda number: (0xFFFF << 48) | number,
    "compatible": lambda number: number,
    "nat64": lambda number: (0x64FF9B << 96) | number,
    "6to4": lambda number: (0x2002 << 112) | (number << 80) | 1,
    "teredo-server": lambda number: (0x20010000 << 96) | (number << 64) | 0xF7F7F7F7,
    "teredo-client": lambda number: (0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF),
    "isatap": lambda number: (0x26064700 << 96) | (0x5EFE << 32) | number,
    "isatap-universal": lambda number: (0x26064700 << 96) | (0x2005EFE << 32) | number,
}


@pytest.mark.parametrize("kind", _EMBEDDINGS)
@pytest.mark.parametrize(
    "inner", ["8.8.8.8", "10.0.0.1", "100.100.100.200", "169.254.169.254", "127.0.0.1", "0.0.0.0", "224.0.0.1"]
)
def test_an_address_inside_an_address(kind: str, inner: str) -> None:
    outer = ipaddress.IPv6Address(_EMBEDDINGS[kind](int(ipaddress.IPv4Address(inner))))
    assert privacy_of(str(outer)) is privacy_of(inner)


@pytest.mark.parametrize("address", ["64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::", "64:ff9b:1:1::127.0.0.1"])
def test_local_translation(address: str) -> None:
    assert privacy_of(address) is _LOOPBACK
    assert privacy_of("64:ff9b:1::8.8.8.8") >= _PRIVATE


@pytest.mark.parametrize(
    "name, expected",
    [
        ("r.example", None),
        ("localhost", _LOOPBACK),
        ("localhost.", _LOOPBACK),
        ("a.localhost", _LOOPBACK),
        ("localhost.localdomain", _LOOPBACK),
        ("localhost6", _LOOPBACK),
        ("ip6-localhost", _LOOPBACK),
        ("ip6-loopback", _LOOPBACK),
        ("notlocalhost", None),
        ("localhost.example", None),
        ("127.0.0.1", _LOOPBACK),
        ("127.0.0.1.", _LOOPBACK),
        ("127.1", _LOOPBACK),
        ("127.0.1", _LOOPBACK),
        ("2130706433", _LOOPBACK),
        ("0x7f.1", _LOOPBACK),
        ("0x7f000001", _LOOPBACK),
        ("0x7f.0x0.0x0.0x1", _LOOPBACK),
        ("0177.0.0.1", _LOOPBACK),
        ("017700000001", _LOOPBACK),
        ("0", _LOOPBACK),
        ("0x", _LOOPBACK),
        ("0xa9fea9fe", _LINK_LOCAL),
        ("169.254.43518", _LINK_LOCAL),
        ("10.1", _PRIVATE),
        # inet_aton reads 8.0.0.1, parsers without octal numbers read 10.0.0.1, and the other way round.
        ("010.0.0.1", _PRIVATE),
        ("012.0.0.1", _PRIVATE),
        ("8.8.8.8", _PUBLIC),
        ("134744072", _PUBLIC),
        ("256.0.0.1", None),
        ("4294967296", None),
        ("1.2.3.4.5", None),
        ("1..2", None),
        ("127.0.0.1.example", None),
        ("9" * 5000, None),
        ("::1", _LOOPBACK),
        ("::ffff:7f00:1", _LOOPBACK),
        ("fe80::1", _LINK_LOCAL),
        ("2606:4700::1111", _PUBLIC),
    ],
)
def test_names(name: str, expected: Privacy | None) -> None:
    assert privacy_of_name(name) is expected


@given(st.ip_addresses())
def test_every_address_is_classified(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    privacy = privacy_of(str(address))
    assert privacy.words
    if address.is_loopback or address.is_unspecified:
        assert privacy is _LOOPBACK
    elif address.is_multicast:
        assert privacy is _NOWHERE
    elif address.is_link_local:
        assert privacy is _LINK_LOCAL
    elif privacy is _PUBLIC:
        # Teredo is global here, but not for ipaddress.
        teredo = address.version == 6 and int(address) >> 96 == 0x20010000
        assert address.is_global or teredo or (address.version == 6 and int(address) >> 112 in (0, 0x64, 0x2002))


@given(st.ip_addresses(v=4))
def test_a_name_that_is_an_address_is_as_private_as_the_address(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    spellings = (str(address), str(number), hex(number), f"0{number:o}", ".".join(map(hex, address.packed)))
    assert {privacy_of_name(text) for text in spellings[:3]} == {privacy_of(str(address))}
    assert all(found is not None and found >= privacy_of(str(address)) for found in map(privacy_of_name, spellings))

"""The public addresses, block by block of IANA's registries."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.egress.address_ranges import SPECIAL_IPV4, SPECIAL_IPV6, is_public, read_address

# The blocks of the registries that are not globally reachable, and those that are reachable but have no sites.
SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32
192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
::1/128 ::/128 ::/96 ::ffff:0:127.0.0.1/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48
3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8 4000::/3 8000::/1 0200::/7 0400::/6 0800::/5 1000::/4
""".split()  # noqa: SIM905


@pytest.mark.parametrize("block", SPECIAL)
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    network = ipaddress.ip_network(block)
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = type(network.network_address)

    @settings(max_examples=20)
    @given(st.integers(first, last))
    def of_the_block(number: int) -> None:
        assert not is_public(kind(number))

    of_the_block()
    assert not is_public(kind(first)) and not is_public(kind(last))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_the_same_behind_its_ipv6_forms(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    plain = is_public(address)
    assert is_public(ipaddress.IPv6Address(f"::ffff:{address}")) is plain
    assert is_public(ipaddress.IPv6Address(f"64:ff9b::{address}")) is plain
    for wrapped in (f"::{address}", f"64:ff9b:1::{address}", f"::ffff:0:{address}"):
        assert not is_public(ipaddress.IPv6Address(wrapped))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | number << 80))
    assert not plain or not any(address in block for block in SPECIAL_IPV4)
    # Python's own list is older than parts of the registry. Each address that is public here is global there.
    assert not plain or address.is_global


@given(st.integers(0, 2**128 - 1))
def test_an_ipv6_address_is_public_only_in_global_unicast(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if is_public(address) and not address.ipv4_mapped and number >> 32 != 0x64FF9B << 64:
        assert number >> 125 == 1 and not any(address in block for block in SPECIAL_IPV6)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.216.34",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2400::",
        "2001:200::1",
    ],
)
def test_addresses_of_sites_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("text", ["2606:4700::1111%eth0", "1.1.1.1%1", "::1%lo", "nonsense", ""])
def test_a_zone_belongs_to_link_local_addresses_only(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_address(text)


def test_a_link_local_address_with_its_zone_is_not_public() -> None:
    assert not is_public(read_address("fe80::1%eth0"))
    assert not is_public(ipaddress.IPv6Address("2606:4700::1111%eth0"))

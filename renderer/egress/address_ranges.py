"""The public addresses: an allow-list of the addresses of the open internet, from IANA's registries of address space.

An IPv4 address is public unless it is in a block of the special-purpose registry. An IPv6 address is public only in
2000::/3, which IANA has opened for global unicast, and there only outside of the registry's special blocks.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# https://www.iana.org/assignments/iana-ipv4-special-registry
SPECIAL_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared address space of providers
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, where clouds have their metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays, deprecated
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

# https://www.iana.org/assignments/iana-ipv6-special-registry, the blocks in 2000::/3
SPECIAL_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: contains an IPv4 address of any kind
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)

MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 addresses in networks that have only IPv6


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped or a NAT64 address; of other addresses the address itself."""
    if isinstance(address, ipaddress.IPv6Address) and (address in MAPPED or address in NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether this is an address of the open internet; IPv6 forms of an IPv4 address count as that address."""
    address = unwrapped(address)
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in SPECIAL_IPV4)
    if address.scope_id is not None:  # "2606::1%eth0": an address of one link
        return False
    return address in GLOBAL_UNICAST and not any(address in block for block in SPECIAL_IPV6)


def is_this_machine(address: Address) -> bool:
    """Return whether this is by definition an address of this machine: loopback, or the unspecified address."""
    address = unwrapped(address)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback or address in SPECIAL_IPV4[0]
    return address.is_loopback or address.is_unspecified


def read_address(text: str) -> Address:
    """Return the address in a resolver's text.

    Raises:
        ValueError: the text is no address, or an address that is not link-local has a zone.
    """
    address, _, zone = text.partition("%")
    found = ipaddress.ip_address(address)
    if zone and not found.is_link_local:
        raise ValueError(f"{text} has a zone, but it is not a link-local address")
    return found

"""The connector: the only place that resolves a name, checks its addresses and connects.

It connects to the address that it has checked. It does not resolve the name a second time: the name may have another
address by then.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohappyeyeballs import start_connection

from renderer.egress.address_ranges import Address, is_public, is_this_machine, read_address

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
Resolver = Callable[[str, int], Awaitable[Sequence[AddressInfo]]]

PRIVATE = "net::ERR_BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS"
UNKNOWN = "net::ERR_NAME_NOT_RESOLVED"


class Refused(Exception):
    """The connector refuses or fails to connect; ``error`` is Chromium's name for the error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


async def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """Return a host's addresses from the system's resolver; raise Refused if it has none."""
    try:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused(UNKNOWN) from None


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The rules of a server for the addresses that its renders may reach, and the connections by these rules."""

    public_only: bool = False  # --forbid-private-addresses
    allowed_hosts: frozenset[str] = frozenset()  # --allow-hosts: names that may have any address
    blocked_port: int = 0  # the renderer's own port, on addresses of this machine
    resolve: Resolver = resolve

    async def connect(self, host: str, port: int, *, trusted: bool = False) -> socket.socket:
        """Return a connection to a checked address of the host; raise Refused if the rules or the network refuse it.

        A ``trusted`` host is one that the operator of the server has named: it may have any address.
        """
        found = await self.resolve(host, port)
        if not trusted:
            self._check(host, found)
        # Chromium's own rules against the renderer's port apply only to names that Chromium resolves itself.
        found = [info for info in found if port != self.blocked_port or not is_this_machine(_address(info))]
        if not found:
            raise Refused(UNKNOWN)
        try:
            return await start_connection(found, happy_eyeballs_delay=0.25)
        except OSError:
            raise Refused("net::ERR_CONNECTION_REFUSED") from None

    async def check_behind_proxy(self, host: str, port: int) -> None:
        """Raise Refused if a proxy must not connect to this host, as far as this machine knows its addresses.

        The proxy resolves the name itself, and may know names that this machine does not know.
        """
        if port == self.blocked_port and _names_this_machine(host):
            raise Refused(UNKNOWN)
        if not self.public_only:
            return
        if _names_this_machine(host) and not self._is_allowed(host):
            raise Refused(PRIVATE)
        try:
            found = await self.resolve(host, port)
        except Refused:
            return
        self._check(host, found)

    def _check(self, host: str, found: Sequence[AddressInfo]) -> None:
        if not self.public_only or self._is_allowed(host):
            return
        if not all(is_public(_address(info)) for info in found):
            raise Refused(PRIVATE)

    def _is_allowed(self, host: str) -> bool:
        return normal_name(host) in self.allowed_hosts


def normal_name(host: str) -> str:
    """Return a host name in the form for comparisons: in lower case, without a dot at its end."""
    return host.lower().removesuffix(".")


def _names_this_machine(host: str) -> bool:
    name = normal_name(host)
    try:
        return is_this_machine(ipaddress.ip_address(name))
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _address(info: AddressInfo) -> Address:
    """Return the address of a resolver's entry; raise Refused if the entry has no valid address."""
    try:
        return read_address(str(info[4][0]))
    except ValueError:
        raise Refused(PRIVATE) from None

"""The names of this machine that it knows without a DNS server: its host name, and names in /etc/hosts."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

from renderer.egress.address_ranges import is_this_machine

HOSTS = Path("/etc/hosts")


def names_of_this_machine(hosts: Path = HOSTS) -> frozenset[str]:
    """Return the names of this machine, in lower case."""
    try:
        text = hosts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return frozenset({"localhost", socket.gethostname().lower(), *_names_of_loopback(text)}) - {""}


def _names_of_loopback(text: str) -> set[str]:
    found: set[str] = set()
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            if is_this_machine(ipaddress.ip_address(address)):
                found.update(name.lower().removesuffix(".") for name in names)
        except ValueError:
            continue
    return found

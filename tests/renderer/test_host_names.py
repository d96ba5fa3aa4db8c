"""The names of this machine that it knows without a DNS server."""

from __future__ import annotations

import socket
from pathlib import Path

from renderer.egress.host_names import names_of_this_machine


def test_loopback_names_of_the_hosts_file_are_names_of_this_machine(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n127.0.1.1\tBox.lan. box # here\n::1 ip6-localhost\n\n10.0.0.1 other\nnonsense x\n"
    )
    own = {"localhost", socket.gethostname().lower()}
    assert names_of_this_machine(hosts) == own | {"box.lan", "box", "ip6-localhost"}
    assert names_of_this_machine(tmp_path / "none") == own

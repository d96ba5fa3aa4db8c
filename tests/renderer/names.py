"""A resolver for the tests, whose names may have other addresses at each lookup."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Sequence

from renderer.egress.connector import UNKNOWN, AddressInfo, Refused


class Names:
    """A resolver. ``answers``: by name, the addresses of each lookup; the last ones stay. ``asked`` counts lookups."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers = answers
        self.asked: Counter[str] = Counter()

    async def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        turns = self.answers.get(host)
        if turns is None:
            raise Refused(UNKNOWN)
        addresses = turns[min(self.asked[host], len(turns) - 1)]
        self.asked[host] += 1
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

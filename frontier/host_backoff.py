"""The back-off of a host that limits or times out requests and does not say for how long."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = 1.0  # seconds after the first failure; each further failure doubles it
SHARE = (
    0.5  # the largest share of a wait that chance takes away, so that two crawls do not come back together
)


class HostBackoff:
    """Counts the failures of each host since its last good answer.

    Args:
        longest: seconds of the longest wait; 0 switches the back-off off.
        chance: returns a number from 0 to 1.
    """

    def __init__(self, longest: float, chance: Callable[[], float] = random.random) -> None:
        self.longest = longest
        self._chance = chance
        self._failures: dict[str, int] = {}

    def failed(self, host: str) -> float:
        """Count a failure and return the seconds to wait."""
        failures = self._failures.get(host, 0)
        self._failures[host] = failures + 1
        wait = min(self.longest, FIRST * 2.0 ** min(failures, 60))
        return wait * (1 - SHARE * self._chance())

    def answered(self, host: str) -> None:
        """Forget the failures of a host, because it gave a good answer."""
        self._failures.pop(host, None)

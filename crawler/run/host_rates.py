"""HostRates: the pages of each host that this process settles, for the table ``host_rate``."""

from __future__ import annotations

import time
from collections import Counter

from models.host_rate import MOST_HOSTS, HostPages
from models.run import ClaimedRun

INTERVAL = 5.0  # seconds between two times at which the rows of this process are replaced
SHARED_INTERVAL = 15.0  # of a shared run, which may have many workers
MOST_COUNTED = 5000  # hosts in memory; of more, the half with the most pages stays


class HostRates:
    """Counts pages by host, and forgets them at the end of each interval: a crawl may have a million hosts."""

    def __init__(self, run: ClaimedRun) -> None:
        self._interval = SHARED_INTERVAL if run.is_shared else INTERVAL
        self._pages: Counter[str] = Counter()
        self._since = time.monotonic()
        self._has_rows = False

    def settled(self, host: str) -> None:
        """Count a page of the host."""
        self._pages[host] += 1
        if len(self._pages) > MOST_COUNTED:
            self._pages = Counter(dict(self._pages.most_common(MOST_COUNTED // 2)))

    def due(self) -> HostPages | None:
        """Return the pages of the hosts with the most pages if the interval is over; None: nothing is to be stored."""
        seconds = time.monotonic() - self._since
        if seconds < self._interval:
            return None
        found = HostPages(seconds=seconds, pages=dict(self._pages.most_common(MOST_HOSTS)))
        self._since += seconds
        self._pages.clear()
        if not found.pages and not self._has_rows:
            return None
        self._has_rows = bool(found.pages)
        return found

"""The exchange between the window and the table: which requests are in memory, and which only in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from scrapy import Request

from crawler.run.interfaces import PageWriter
from frontier.window import QueuedRequest, Rank, Window
from models.request import Leased, NewRequest

HIGHEST: Rank = (2**63, 2**63)  # above every request
LATER = 0.5  # seconds until the table is asked again for requests that may not be made yet


class WindowRefill:
    """Refills the window from the table, and moves requests back when the window is too large.

    Args:
        size: how many requests the window may have.
        writer: returns the writer, which is there when the scheduler is open.
        wake: makes the engine ask for requests again.
        waiting_hosts: returns the hosts whose requests stay in the table now.
    """

    def __init__(
        self,
        window: Window,
        size: int,
        *,
        writer: Callable[[], PageWriter],
        wake: Callable[[], None],
        waiting_hosts: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self.window, self.size = window, size
        self.in_table = 0  # requests that are queued and not in the window
        self._refilling = False
        self._writer, self._wake, self._waiting_hosts = writer, wake, waiting_hosts
        self.found_none = False  # when the table was asked last, it had no request that may be made
        self._table_head: Rank | None = None  # no request in the table ranks above it
        self._refill_after = 0.0  # of the monotonic clock

    @property
    def has_more(self) -> bool:
        """Whether the table has requests, or they are on their way to the window."""
        return bool(self.in_table) or self._refilling

    @property
    def has_ready(self) -> bool:
        """Whether the table may have requests that can be made now."""
        return self._refilling or bool(self.in_table and not self.found_none)

    def refill_if_low(self) -> None:
        """Ask for requests of the table if the window has less than a quarter of its size."""
        if self.window.ready >= self.size // 4:
            return
        if self._refilling or not self.in_table or time.monotonic() < self._refill_after:
            return
        self._refilling = True
        self._writer().lease(self.size // 2, self._refilled, self._waiting_hosts())

    def _refilled(self, found: list[Leased]) -> None:
        self._refilling = False
        self.found_none = not found
        for leased in found:
            self._add(leased)
        self.in_table -= len(found)
        if not self.in_table:
            self._table_head = None
        elif found:
            self._table_head = found[-1].priority, found[-1].position
        if not found and self.in_table:  # none of them may be made yet
            self._refill_after = time.monotonic() + LATER
            asyncio.get_running_loop().call_later(LATER, self._wake)
        self._wake()

    def _add(self, leased: Leased) -> None:
        self.window.add(
            QueuedRequest(
                leased.priority,
                leased.position,
                leased.number,
                leased.url,
                leased.request,
                part=leased.part,
            )
        )

    def fits_in_window(self, request: NewRequest) -> bool:
        """Return whether a new request goes to the window at once. The writer's thread calls this."""
        if request.not_before is not None or len(self.window) > self.size:
            return False
        table_head = self._table_head
        if table_head is None:
            return not self.in_table
        return (request.priority, request.position) > table_head

    def add_to_window(self, new: NewRequest, request: Request | None) -> None:
        """Add a new request that is committed as leased; ``request`` is the login, which has no stored text."""
        self.window.add(
            QueuedRequest(
                new.priority, new.position, new.number, new.url, new.request, request, part=new.part
            )
        )

    def add_to_table(self, new: NewRequest) -> None:
        """Count a new request that is committed as queued."""
        self.in_table += 1
        self.found_none = False
        if new.not_before is None:
            self._refill_after = 0.0

    def queued_again(self, number: int) -> None:
        """Count requests that were done and are in the table again. New requests come after them."""
        self.in_table += number
        self.found_none = False
        self._refill_after = 0.0
        self._table_head = HIGHEST

    def spill(self) -> None:
        """Give the last half of a window that is too large back to the table: memory does not grow with the crawl."""
        if len(self.window) <= self.size:
            return
        worst = self.window.take_worst(len(self.window) - self.size // 2)
        if not worst:
            return
        best = worst[0].rank
        self._table_head = max(self._table_head, best) if self._table_head else best
        self.in_table += len(worst)
        self.found_none = False
        self.release([queued.number for queued in worst])

    def release(self, numbers: list[int]) -> None:
        """Give requests back to the table."""
        self._writer().release(numbers)

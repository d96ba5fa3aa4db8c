"""The exchange between the window and the table in a shared run: other workers add requests to the table."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from scrapy import Request

from frontier.partitions import Partitions
from frontier.window_refill import HIGHEST, LATER, WindowRefill
from models.request import Leased, NewRequest
from models.worker import Tenure

EMPTY_LOOK = 1.0  # seconds between two looks at the table for partitions without a request in the window


class SharedRefill(WindowRefill):
    """Refills the window from the partitions of this worker.

    Nobody counts the requests in the table, so it is asked again as long as the run is not over. A partition without a
    request in the window is asked for although the window has enough of others: its hosts would starve.
    """

    def __init__(self, partitions: Partitions, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partitions = partitions
        self._empty_looked_at = 0.0

    @property
    def has_more(self) -> bool:
        """Whether the table had requests when it was asked last, or has got some of this worker since."""
        return self._refilling or not self.found_none

    @property
    def has_ready(self) -> bool:
        return self.has_more

    def refill_if_low(self) -> None:
        if self._refilling:
            return
        if self.window.ready >= self.size // 4:
            self._refill_empty()
            return
        tenures = self.partitions.active
        if not tenures:
            self.found_none = True
            return
        if time.monotonic() < self._refill_after:
            return
        self._lease(tenures, self.size // 2, is_all=True)

    def _refill_empty(self) -> None:
        """Ask for requests of partitions that have none in the window."""
        now = time.monotonic()
        if now < self._empty_looked_at + EMPTY_LOOK:
            return
        self._empty_looked_at = now
        active = self.partitions.active
        empty = frozenset(one for one in active if not self.window.has_part(one.part))
        if empty:
            each = max(1, self.size // 2 // len(active))
            self._lease(empty, each * len(empty), is_all=False)

    def _lease(self, tenures: frozenset[Tenure], limit: int, *, is_all: bool) -> None:
        self._refilling = True
        self._writer().lease(
            limit,
            lambda found: self._leased(found, tenures, limit, is_all=is_all),
            self._waiting_hosts(),
            tenures,
        )

    def _leased(
        self, found: list[Leased], tenures: frozenset[Tenure], limit: int, *, is_all: bool = True
    ) -> None:
        self._refilling = False
        # A partition that was lost or is given up meanwhile: its next owner queues the requests again.
        held = {one.part for one in tenures & self.partitions.active}
        for leased in found:
            if leased.part in held:
                self._add(leased)
        has_more = len(found) >= limit
        last = (found[-1].priority, found[-1].position) if has_more else None
        if not is_all:  # nothing is known about the other partitions
            self._table_head = (
                max(self._table_head, last) if self._table_head and last else self._table_head or last
            )
            self._wake()
            return
        self.found_none = not found
        self._table_head = last
        if not found:
            self._refill_after = time.monotonic() + LATER
            asyncio.get_running_loop().call_later(LATER, self._wake)
        self._wake()

    def look_again(self) -> None:
        """Ask the table soon: this worker has got partitions, or requests were queued in one of its own."""
        self.found_none = False
        self._refill_after = self._empty_looked_at = 0.0
        self._wake()

    def fits_in_window(self, request: NewRequest) -> bool:
        if request.not_before is not None or len(self.window) > self.size:
            return False
        if not self.partitions.is_active(request.part):
            return False
        table_head = self._table_head
        return table_head is None or (request.priority, request.position) > table_head

    def add_to_window(self, new: NewRequest, request: Request | None) -> None:
        if self.partitions.is_active(new.part):
            super().add_to_window(new, request)

    def add_to_table(self, new: NewRequest) -> None:
        self.found_none = False
        if new.not_before is None:
            self._refill_after = 0.0
        if self.partitions.is_active(new.part):  # requests that come after it must not overtake it
            rank = new.priority, new.position
            self._table_head = max(self._table_head, rank) if self._table_head else rank

    def queued_again(self, number: int) -> None:
        self._table_head = HIGHEST
        self.look_again()

    def release(self, numbers: list[int]) -> None:
        self._writer().release(numbers, self.partitions.active)

"""Scrapy's downloader, which asks again whether a request may be made when it leaves its queue.

A request waits there for the delay of its host. In a shared run another worker may have the host by then: the process
was stopped, or its machine slept, and wakes up with a queue of requests whose time has come.

The delay after a request begins when it has been sent. Scrapy's begins when it leaves the queue: if the process is busy
before it sends it, the next request would follow sooner than the delay permits.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.core.downloader import Downloader as ScrapyDownloader
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.asyncio import call_later

from frontier.engine_access import TakenBack
from models.worker import partition_of

if TYPE_CHECKING:
    from frontier.scheduler import Scheduler


class Downloader(ScrapyDownloader):
    """The setting DOWNLOADER names it.

    Attributes:
        scheduler: of a shared run; None: every request is made.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.scheduler: Scheduler | None = None

    async def _download(self, slot: Slot, request: Request) -> Response:
        if self.scheduler is not None and self.scheduler.is_withheld(request):
            raise TakenBack("its partition may be another worker's")
        if slot.delay:
            slot.close()  # its timer, by which no other request is made either until this one is sent
            # On an open connection, asyncio sends before it calls functions whose time has come.
            slot.latercall = call_later(0, self._begin_delay_after, slot)
        return await super()._download(slot, request)

    def _begin_delay_after(self, slot: Slot) -> None:
        """Begin the delay after a request."""
        _begin_delay(slot)
        self._latercall(slot)

    def _get_slot(self, request: Request, spider: Spider | None = None) -> tuple[str, Slot]:
        is_new = self.get_slot_key(request) not in self.slots
        found: Any = super()._get_slot(request)
        key, slot = found
        if is_new and self.scheduler is not None:
            _begin_delay(slot)  # another worker may have made a request a moment ago
        return key, slot

    def begin_delays(self, parts: Collection[int], partitions: int) -> None:
        """Let the hosts of partitions that this worker has taken wait for a delay: another one may have asked them."""
        for key, slot in self.slots.items():
            if partition_of(key, partitions) in parts:
                _begin_delay(slot)


def _begin_delay(slot: Slot) -> None:
    slot.lastseen = time.monotonic()
